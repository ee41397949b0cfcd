"""The people of a benchmark: registered over HTTP, in parallel."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from resonance.client.rest import Rest, TokenPair
from resonance.domain.errors import Code, ServiceError

PASSWORD = "benchmark"  # noqa: S105  # accounts of a throw-away server
PARALLEL = 8
MEMBERS_AT_ONCE = 1_000
"""Members that one request may bring in."""


async def sign_in(url: str, names: Sequence[str]) -> list[str]:
    """Return an access token for each name, whose account is made when there is none."""
    limit = asyncio.Semaphore(PARALLEL)
    async with Rest(url, 60) as rest:

        async def one(name: str) -> str:
            async with limit:
                return await _sign_in(rest, name)

        return await asyncio.gather(*map(one, names))


async def _sign_in(rest: Rest, name: str) -> str:
    body = {"username": name, "password": PASSWORD}
    try:
        answer = await rest.call("POST", "auth/register", body=body)
    except ServiceError as error:
        if error.code is not Code.USER_EXISTS:
            raise
        answer = await rest.call("POST", "auth/login", body=body)
    token: str = answer["access_token"]
    return token


async def make_group(url: str, owner_token: str, name: str, members: Sequence[str]) -> str:
    """Create a group of the owner and these members and return its conversation id."""
    async with Rest(url, 120) as rest:
        rest.tokens = TokenPair(owner_token)
        first, rest_of_them = members[:MEMBERS_AT_ONCE], members[MEMBERS_AT_ONCE:]
        body = {"name": name, "members": list(first), "max_members": len(members) + 1}
        conversation = (await rest.call("POST", "groups", body=body))["conversation_id"]
        for start in range(0, len(rest_of_them), MEMBERS_AT_ONCE):
            more = list(rest_of_them[start : start + MEMBERS_AT_ONCE])
            await rest.call("POST", f"groups/{conversation}/members", body={"user_ids": more})
    return str(conversation)


async def open_pairs(url: str, names: Sequence[str], tokens: Sequence[str]) -> list[str]:
    """Open a conversation between each two neighbours and return the ids."""
    async with Rest(url, 60) as rest:
        ids: list[str] = []
        for index in range(0, len(names), 2):
            rest.tokens = TokenPair(tokens[index])
            answer = await rest.call("POST", "conversations", body={"user_id": names[index + 1]})
            ids.append(answer["conversation_id"])
        return ids


async def compare_history(url: str, token: str, name: str, keys: dict[int, str]) -> str:
    """Compare what is stored with what was acked (seq -> key); return "" or what differs."""
    async with Rest(url, 60) as rest:
        rest.tokens = TokenPair(token)
        stored: dict[int, str] = {}
        seq = min(keys, default=1)
        while seq <= max(keys, default=0):
            page = await rest.get(f"conversations/{name}/messages", begin=seq, limit=500)
            if not page["messages"]:
                break
            stored.update((message["seq"], message["client_msg_id"]) for message in page["messages"])
            seq = page["messages"][-1]["seq"] + 1
    if stored == keys:
        return ""
    return f"{name}: of {len(keys)} acked messages {len(keys.items() - stored.items())} are not stored as acked"


async def head(url: str, token: str, name: str) -> int:
    """Return the last seq of a conversation."""
    async with Rest(url, 60) as rest:
        rest.tokens = TokenPair(token)
        answer = await rest.call("POST", "conversations/heads", body={"conversation_ids": [name]})
    return int(answer["heads"][name])
