"""Seed 004's routes (GoChat, generation A; wire.md 3.2.1) are native paths: they take its fields and answer with them.

Native bodies are flat: what that generation has in `data` is the body itself.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.dialects.client import PASSWORD
from tests.e2e.dialects.http import request
from tests.e2e.servers import Deployment

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENVIRONMENT = {"RESONANCE_FRIENDS__POLICY": "instant"}  # as GoChat's clients expect


@dataclass
class Person:
    """Somebody with a client of generation A."""

    url: str
    name: str
    token: str = ""
    refresh_token: str = ""

    async def call(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """Call the API and return the body, which has to come with this status."""
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {self.token}"} if self.token else {}
        )
        content = None if body is None else json.dumps(body).encode()
        response = await request(self.url, method, f"/api/v1{path}", content, headers)
        assert response.status == status, response.body
        return json.loads(response.body)


async def people(deployment: Deployment, *names: str) -> list[Person]:
    """Register people."""
    found = []
    for name in names:
        person = Person(deployment.url, f"{name}{secrets.token_hex(3)}")
        wish = {"username": person.name, "password": PASSWORD, "nickname": name, "avatar_url": ""}
        tokens = await person.call("POST", "/auth/register", wish)
        assert tokens.items() >= {"id": person.name, "username": person.name, "nickname": name}.items()
        assert tokens["user"].items() >= {"id": person.name, "username": person.name, "nickname": name}.items()
        login = await person.call("POST", "/auth/login", {"username": person.name, "password": PASSWORD})
        person.token, person.refresh_token = login["access_token"], login["refresh_token"]
        assert login["expires_in"] > 0
        found.append(person)
    return found


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_tokens(deployment: Deployment, method: str) -> None:
    (ann,) = await people(deployment, "ann")
    renewed = await ann.call("POST", "/auth/refresh", {"refresh_token": ann.refresh_token})
    assert renewed.keys() >= {"access_token", "refresh_token", "expires_in"}
    ann.token = renewed["access_token"]
    await ann.call(method, "/auth/logout")
    await ann.call("GET", "/users/info", status=401)


async def test_users(deployment: Deployment) -> None:
    ann, bob = await people(deployment, "ann", "bob")
    own = await ann.call("GET", "/users/info")
    assert own.keys() >= {"id", "username", "nickname", "avatar_url", "is_guest", "created_at"}
    assert await bob.call("GET", f"/users/{ann.name}") == own


async def test_conversations(deployment: Deployment) -> None:
    ann, bob = await people(deployment, "ann", "bob")
    opened = await ann.call("POST", "/conversations", {"target_user_id": bob.name})
    conversation = opened["conversation_id"]
    wish = {"conversation_id": conversation, "message_type": 1, "content": "hello", "client_msg_id": ann.name}
    sent = await ann.call("POST", "/messages", wish)
    assert await ann.call("POST", "/messages", wish) == sent
    listed = (await bob.call("GET", "/conversations?page=1&page_size=20"))["conversations"]
    assert [(one["conversation_id"], one["unread_count"]) for one in listed] == [(conversation, 1)]
    history = await bob.call("GET", f"/conversations/{conversation}/messages")
    assert history["conversation_id"] == conversation
    assert [(one["message_id"], one["content"]) for one in history["messages"]] == [(sent["message_id"], "hello")]
    for method in ("POST", "PUT"):
        read = await bob.call(method, f"/conversations/{conversation}/read", {"seq_id": sent["seq"]})
        assert (read["read_seq"], read["unread_count"]) == (sent["seq"], 0)


async def test_pages_by_number(deployment: Deployment) -> None:
    (ann,) = await people(deployment, "ann")
    groups = [(await ann.call("POST", "/groups", {"name": f"g{n}"}))["conversation_id"] for n in range(5)]
    pages = []
    for page in (1, 2, 3, 4):
        listed = await ann.call("GET", f"/conversations?page={page}&page_size=2")
        pages.append([one["conversation_id"] for one in listed["conversations"]])
    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert sorted(one for page in pages for one in page) == sorted(groups), (
        "each once, so that whoever asks until there are none ends"
    )
    await ann.call("GET", "/conversations?page=0", status=400)
    await ann.call("GET", "/conversations?page_size=201", status=400)


async def test_groups(deployment: Deployment) -> None:
    ann, bob, cid = await people(deployment, "ann", "bob", "cid")
    group = (await ann.call("POST", "/groups", {"name": "trip", "user_ids": [bob.name]}))["group_id"]
    assert (await bob.call("GET", f"/groups/{group}"))["name"] == "trip"
    await ann.call("POST", f"/groups/{group}/members", {"user_ids": [cid.name]})
    assert (await cid.call("GET", f"/groups/{group}"))["member_count"] == 3
    await cid.call("DELETE", f"/groups/{group}/members/{bob.name}", status=403)
    await ann.call("DELETE", f"/groups/{group}/members/{cid.name}")
    assert (await ann.call("POST", f"/groups/{group}/members", {"user_id": cid.name}))["added"] == [cid.name]
    await ann.call("DELETE", f"/groups/{group}/members/{cid.name}")
    assert (await bob.call("GET", f"/groups/{group}"))["member_count"] == 2


async def test_friends(deployment: Deployment) -> None:
    ann, bob = await people(deployment, "ann", "bob")
    assert (await ann.call("POST", "/friends", {"user_id": bob.name}))["status"] == "accepted"
    [friend] = (await bob.call("GET", "/friends"))["friends"]
    assert friend["user"]["id"] == ann.name


async def test_refusals_tell_by_status(deployment: Deployment) -> None:
    (ann,) = await people(deployment, "ann")
    nobody = Person(deployment.url, "nobody")
    assert (await nobody.call("GET", "/conversations", status=401))["code"] == "unauthenticated"
    await ann.call("POST", "/groups", {"user_ids": []}, status=400)
    await ann.call("GET", "/users/nobody", status=404)
