"""The bus: committed events, delivered to consumers in order per key, at least once."""

from __future__ import annotations

from abc import ABC, abstractmethod

from resonance.domain.events import Event


class Bus(ABC):
    """Where task gets its work from.

    Order: events of one key arrive in the order of their commits. Delivery: at least once; after a crash a consumer
    gets again what it had not committed. Nothing is skipped, also not an event whose transaction committed late.
    """

    @abstractmethod
    async def consume(self, consumer: str, limit: int, wait_ms: int) -> list[Event]:
        """Return the next events for a consumer, waiting up to `wait_ms` for the first; [] when there is none.

        Calling it again without `commit` returns the events after those already returned by this process.
        """

    @abstractmethod
    async def commit(self, consumer: str, position: int) -> None:
        """Record that the consumer is done with every event up to `position`."""

    @abstractmethod
    async def park(self, consumer: str, event: Event, error: str, attempts: int) -> None:
        """Put an event aside as a dead letter, durably."""

    @abstractmethod
    async def lag(self, consumer: str) -> int:
        """Return how many events the consumer has not yet committed."""
