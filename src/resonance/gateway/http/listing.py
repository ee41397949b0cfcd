"""Lists for doors that know no cursors."""

from __future__ import annotations

from resonance.domain.model import Caller, ConversationPage, ConversationView
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


async def numbered_page(
    conversations: Conversations, caller: Caller, number: int, size: int, *, with_last: bool
) -> ConversationPage:
    """Return a page of the caller's conversations by its number, from 1; behind the last one it is empty."""
    cursor = ""
    for _ in range(number - 1):
        cursor = (await conversations.page(caller, cursor, size, False)).cursor
        if not cursor:
            return ConversationPage([], "")
    return await conversations.page(caller, cursor, size, with_last)
