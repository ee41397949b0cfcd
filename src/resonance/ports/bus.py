"""The bus: committed events, delivered to consumers in order per key, at least once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import NamedTuple

from resonance.domain.events import Event


class Taken(NamedTuple):
    """Events for a consumer.

    Attributes:
        position: what to commit once they, and all that were taken before, are done; rises within a process.
        moved: whether the consumer has keys now that another process had: what that one left behind of them (dead
            letters) comes first, and what is remembered of them is old.
    """

    events: list[Event]
    position: int
    moved: bool = False


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
        """Record that the consumer is done with all that it took up to a `Taken.position` of this process.

        What went to another process meanwhile is not recorded: it comes again there.
        """

    @abstractmethod
    async def park(self, consumer: str, event: Event, error: str, attempts: int) -> None:
        """Put an event aside as a dead letter, durably."""

    @abstractmethod
    async def lag(self, consumer: str) -> int:
        """Return how many events the consumer has not yet committed, of the keys that come to this process. Never waits
        for anybody else: work does not depend on it.
        """

    @abstractmethod
    async def close(self) -> None:
        """Consume no more; what was not committed goes to others."""
