"""Inboxes made ahead of time: seed 000's write diffusion, for conversations up to 500 members (`inbox: eager`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from resonance.domain.events import EntriesAppended, Event
from resonance.ports.store import Store
from resonance.task.audiences import Audiences
from resonance.task.processor import Processor
from resonance.task.processors.fanout import merge

ROWS = 1_000


class EagerInbox(Processor):
    """Fills the members' inboxes with the same function that readers use, so a cursor never skips."""

    name: ClassVar[str] = "inbox"
    kinds: ClassVar[frozenset[str]] = frozenset({EntriesAppended.kind})

    def __init__(self, store: Store, audiences: Audiences) -> None:
        self._store = store
        self._audiences = audiences

    async def process(self, events: Sequence[Event]) -> None:
        owners: set[str] = set()
        for appended in merge(events):
            if not appended.is_large:
                async for members in self._audiences.slices(appended):
                    owners.update(member.user_id for member in members)
        if owners:
            await self._store.fill_inbox(sorted(owners), ROWS)
