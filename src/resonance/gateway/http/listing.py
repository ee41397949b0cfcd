"""Whole lists for doors that know no pages."""

from __future__ import annotations

from resonance.domain.model import Caller, ConversationView
from resonance.services.conversations import Conversations

PAGE = 200


async def conversation_views(conversations: Conversations, caller: Caller, most: int) -> list[ConversationView]:
    """Return the caller's conversations with their last entries, pinned first, then the latest changed; about `most`
    of them at most.
    """
    views: list[ConversationView] = []
    cursor, more = "", True
    while more:
        page = await conversations.page(caller, cursor, PAGE, True)
        views += page.items
        cursor, more = page.cursor, page.cursor != "" and len(views) < most
    return views
