"""What reads of `im.repo.v1` have in common."""

from __future__ import annotations

from resonance.domain.errors import no_conversation
from resonance.domain.model import Conversation
from resonance.ports.store import Store

PAGE = 50
MAX_PAGE = 500


def size_of(asked: int) -> int:
    """Return the size of a page: what was asked for within bounds, else the usual one."""
    return min(asked, MAX_PAGE) if asked > 0 else PAGE


async def conversation_of(store: Store, conversation_id: str) -> Conversation:
    """Return a conversation. Raises CONVERSATION_NOT_FOUND."""
    states = await store.states([conversation_id], [])
    if not states:
        raise no_conversation(conversation_id)
    return states[0].conversation
