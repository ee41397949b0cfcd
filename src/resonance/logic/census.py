"""How many members everybody's conversation has: as many as there are accounts, counted now and then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from resonance.domain.model import ConversationKind, ConversationView
from resonance.ports.store import Store

FRESH_S = 1.0
"""How long a count is good, at least."""
REST = 20
"""How many times as long as counting took it is good: that is the only read here that grows with the accounts."""


class Census:
    """Gives views of everybody's conversation their number of members: no row of its own says it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._users = 0
        # until when that is good, in seconds on the monotonic clock
        self._good_until = float("-inf")
        self._counting = asyncio.Lock()

    async def complete(self, views: Sequence[ConversationView]) -> list[ConversationView]:
        """Return the views, those of everybody's conversation with their number of members."""
        return [await self.completed(view) for view in views]

    async def completed(self, view: ConversationView) -> ConversationView:
        """Return one view, with its number of members."""
        if view.conversation.kind is not ConversationKind.OPEN:
            return view
        return replace(view, conversation=replace(view.conversation, member_count=await self._number()))

    async def _number(self) -> int:
        async with self._counting:
            began = time.monotonic()
            if began >= self._good_until:
                self._users = await self._store.count_users()
                now = time.monotonic()
                self._good_until = now + max(FRESH_S, (now - began) * REST)
        return self._users
