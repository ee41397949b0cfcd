"""Where live configuration is written: keys that change while the server runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from resonance.config.sources import Found


class LiveSource(ABC):
    """A place that is followed. What is written there may be anything: whoever hears of it checks it."""

    @abstractmethod
    async def start(self, on_change: Callable[[Found], None]) -> None:
        """Begin to follow.

        Args:
            on_change: gets everything that is written there, each time that it has changed: what is there now before
                this returns, if the place can be reached. A place that is out of reach has not changed. It is called
                on the loop, and must not raise.
        """

    @abstractmethod
    async def close(self) -> None:
        """Follow no longer. Idempotent."""
