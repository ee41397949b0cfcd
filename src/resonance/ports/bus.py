"""The bus: committed events, delivered to consumers in order per key, at least once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import NamedTuple

from resonance.domain.events import Event


class Taken(NamedTuple):
    """Events for a consumer, and the position up to which there is no other that it wants."""

    events: list[Event]
    position: int


class Bus(ABC):
    """Where task gets its work from.

    Order: events of one key arrive in the order of their commits. Delivery: at least once; after a crash a consumer
    gets again what it had not committed. Nothing is skipped, also not an event whose transaction committed late.
    """

    @abstractmethod
    async def consume(self, consumer: str, limit: int, wait_ms: int, kinds: Iterable[str] = ()) -> Taken:
        """Return the next events for a consumer; when there is none, wait up to `wait_ms` for one of any kind.

        Calling it again without `commit` returns the events after those already returned by this process.

        Args:
            kinds: the kinds that the consumer wants, always the same; empty for all.
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
