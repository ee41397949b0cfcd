"""What a processor of derived work is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from resonance.domain.events import Event


class Processor(ABC):
    """Makes one kind of derived work from events. Idempotent: it gets an event again when its outcome was unknown.

    Attributes:
        name: under which dead letters are kept and metrics counted.
        kinds: the kinds of events it wants.
    """

    name: ClassVar[str]
    kinds: ClassVar[frozenset[str]]

    @abstractmethod
    async def process(self, events: Sequence[Event]) -> None:
        """Work off events, in their order, all of them or (by raising) none that counts.

        Raises:
            ServiceError: one of a retryable code means that the world is not ready (store or logic away): the same
                events come again later. Anything else means that some event cannot be processed.
        """

    def forget(self) -> None:  # noqa: B027 - most remember nothing
        """Forget what was concluded from events: others of the same keys went to another process meanwhile."""
