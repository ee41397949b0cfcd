"""What reads of `im.repo.v1` have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from resonance.domain.errors import invalid, no_conversation
from resonance.domain.ids import ConversationId, check_conversation_id
from resonance.domain.model import Conversation
from resonance.gateway.seams import Records

PAGE = 50
MAX_PAGE = 500
MAX_USERS = 10_000
"""Users that one request may name."""


def size_of(asked: int) -> int:
    """Return the size of a page: what was asked for within bounds, else the usual one."""
    return min(asked, MAX_PAGE) if asked > 0 else PAGE


async def conversation_of(records: Records, conversation_id: str) -> Conversation:
    """Return a conversation. Raises INVALID_ARGUMENT, CONVERSATION_NOT_FOUND."""
    states = await records.states([check_conversation_id(conversation_id)], [])
    if not states:
        raise no_conversation(conversation_id)
    return states[0].conversation


def named_conversations(conversation_ids: Iterable[str]) -> list[ConversationId]:
    """Return the conversations that a request names, each once, as many as fit a page. Raises INVALID_ARGUMENT."""
    wanted = list(dict.fromkeys(conversation_ids))[:MAX_PAGE]
    return [check_conversation_id(one, "conversation_ids") for one in wanted]


def named_users(user_ids: Sequence[str]) -> list[str]:
    """Return the users that a request names, in their order. Raises INVALID_ARGUMENT for more than `MAX_USERS`."""
    if len(user_ids) > MAX_USERS:
        raise invalid("user_ids", f"{len(user_ids)} users are named; {MAX_USERS} are allowed")
    return list(user_ids)
