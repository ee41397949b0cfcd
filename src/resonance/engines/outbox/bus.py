"""The embedded bus: the store's outbox, read as a log. Nothing is copied, and nothing can be between the two."""

from __future__ import annotations

from collections.abc import Iterable

from resonance.domain.events import Event
from resonance.ports.bus import Bus, Taken
from resonance.ports.store import Store


class OutboxBus(Bus):
    """A bus for the consumers of one process. One task at a time consumes for each of them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Per consumer, the position up to which `consume` has returned what it wants.
        self._read: dict[str, int] = {}

    async def consume(self, consumer: str, limit: int, wait_ms: int, kinds: Iterable[str] = ()) -> Taken:
        if consumer not in self._read:
            self._read[consumer] = await self._begin(consumer)
        page = await self._store.outbox(self._read[consumer], limit, wait_ms, sorted(kinds))
        self._read[consumer] = page.end
        return Taken(page.events, page.end)

    async def _begin(self, consumer: str) -> int:
        """Return where a consumer goes on, and make it known to the store, which then keeps its events."""
        position = await self._store.consumer_position(consumer)
        await self._store.commit_position(consumer, position)
        return position

    async def commit(self, consumer: str, position: int) -> None:
        await self._store.commit_position(consumer, position)

    async def park(self, consumer: str, event: Event, error: str, attempts: int) -> None:
        await self._store.park(consumer, event, error, attempts)

    async def lag(self, consumer: str) -> int:
        position = await self._store.consumer_position(consumer)
        head = (await self._store.outbox(position, 1, 0)).head
        return max(0, head - position)

    async def close(self) -> None:
        pass
