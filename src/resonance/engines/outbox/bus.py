"""The embedded bus: a store's outbox, read as a log by each consumer from its own position."""

from __future__ import annotations

from resonance.domain.events import Event
from resonance.ports.bus import Bus
from resonance.ports.store import Store


class OutboxBus(Bus):
    """Reads events through the store, wherever that is."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # up to where each consumer has been given events; begins at its committed position
        self._given: dict[str, int] = {}

    async def consume(self, consumer: str, limit: int, wait_ms: int) -> list[Event]:
        given = self._given.get(consumer)
        if given is None:
            given = self._given[consumer] = await self._store.consumer_position(consumer)
        events = (await self._store.outbox(given, limit, wait_ms)).events
        if events:
            self._given[consumer] = events[-1].position
        return events

    async def commit(self, consumer: str, position: int) -> None:
        await self._store.commit_position(consumer, position)

    async def park(self, consumer: str, event: Event, error: str, attempts: int) -> None:
        await self._store.park(consumer, event, error, attempts)

    async def lag(self, consumer: str) -> int:
        page = await self._store.outbox(2**62, 1, 0)
        return max(0, page.head - await self._store.consumer_position(consumer))
