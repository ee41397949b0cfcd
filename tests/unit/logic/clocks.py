"""A clock that stands still until it is told to go on."""

from __future__ import annotations


class FakeClock:
    """Time in ms."""

    def __init__(self, now: int = 1_800_000_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += int(seconds * 1000)
