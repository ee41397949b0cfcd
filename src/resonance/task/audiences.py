"""Who gets a conversation's entries: slices of members, cached for as long as the conversation's version holds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator

from resonance.domain.events import EntriesAppended
from resonance.domain.model import SMALL_CONVERSATION, Audience
from resonance.ports.store import Store


class Audiences:
    """A cache of member slices, at most `limit` members in all, the least recently used conversation dropped first."""

    def __init__(self, store: Store, limit: int = 500_000) -> None:
        self._store = store
        self._limit = limit
        self._size = 0
        # conversation -> (version, slices)
        self._cached: OrderedDict[str, tuple[int, list[list[Audience]]]] = OrderedDict()

    async def slices(self, appended: EntriesAppended) -> AsyncIterator[list[Audience]]:
        """Yield the members to whom an event's entries may go, in slices.

        A slice may hold somebody who joined after the entries: their windows say what they see.
        """
        conversation_id = appended.conversation_id
        cached = self._cached.get(conversation_id)
        if cached is not None and cached[0] == appended.version and appended.member_count:
            self._cached.move_to_end(conversation_id)
            for members in cached[1]:
                yield members
            return
        slices: list[list[Audience]] = []
        after = ""
        while members := await self._store.audience(conversation_id, after, SMALL_CONVERSATION):
            slices.append(members)
            yield members
            if len(members) < SMALL_CONVERSATION:
                break
            after = members[-1].user_id
        if appended.member_count:
            self._keep(conversation_id, appended.version, slices)

    def forget(self, conversation_id: str) -> None:
        """Drop a conversation: a member's own settings changed, which makes no new version."""
        self._drop(conversation_id)

    def forget_all(self) -> None:
        """Drop every conversation: somebody else was told of changes."""
        self._cached.clear()
        self._size = 0

    def _keep(self, conversation_id: str, version: int, slices: list[list[Audience]]) -> None:
        self._drop(conversation_id)
        self._cached[conversation_id] = (version, slices)
        self._size += sum(map(len, slices))
        while self._size > self._limit:
            self._drop(next(iter(self._cached)))

    def _drop(self, conversation_id: str) -> None:
        dropped = self._cached.pop(conversation_id, None)
        if dropped is not None:
            self._size -= sum(map(len, dropped[1]))
