"""Fan-out: entries of large and open conversations, and system entries, to everybody who is online, by slices."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from resonance.domain.events import EntriesAppended, Event, decode
from resonance.ports.store import Store
from resonance.services.delivery import Delivery
from resonance.task.audiences import Audiences
from resonance.task.processor import Processor


class Fanout(Processor):
    """Pushes what logic leaves to task; successive events of one conversation go out as one."""

    name: ClassVar[str] = "fanout"
    kinds: ClassVar[frozenset[str]] = frozenset({EntriesAppended.kind})

    def __init__(self, store: Store, delivery: Delivery, audiences: Audiences) -> None:
        self._store = store
        self._delivery = delivery
        self._audiences = audiences

    async def process(self, events: Sequence[Event]) -> None:
        for appended in merge(events):
            if appended.by_task:
                await self._fan_out(appended)

    async def _fan_out(self, appended: EntriesAppended) -> None:
        entries = await self._store.entries(appended.conversation_id, appended.first_seq, appended.last_seq)
        async for members in self._audiences.slices(appended):
            await self._delivery.deliver_entries(entries, members)
            await asyncio.sleep(0)


def merge(events: Sequence[Event]) -> list[EntriesAppended]:
    """Return the events' ranges in order of first mention, those of one conversation, version and sort joined."""
    merged: dict[tuple[str, int, bool], EntriesAppended] = {}
    for event in events:
        appended = decode(event)
        assert isinstance(appended, EntriesAppended)
        key = (appended.conversation_id, appended.version, appended.system)
        before = merged.get(key)
        if before is not None:
            appended = EntriesAppended(
                appended.conversation_id,
                before.first_seq,
                appended.last_seq,
                appended.version,
                appended.member_count,
                appended.system,
            )
        merged[key] = appended
    return list(merged.values())
