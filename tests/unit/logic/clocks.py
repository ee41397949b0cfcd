"""A clock that stands still until it is told to go on."""

from __future__ import annotations


class FakeClock:
    """Time in ms: the wall's, and beside it one that is never set."""

    def __init__(self, now: int = 1_800_000_000_000) -> None:
        self.now = now
        self._passed = 0

    def __call__(self) -> int:
        return self.now

    def monotonic(self) -> int:
        """Return how much time has passed, whatever the wall clock says."""
        return self._passed

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += int(seconds * 1000)
        self._passed += int(seconds * 1000)

    def set_back(self, seconds: float) -> None:
        """Correct the wall clock; no time passes."""
        self.now -= int(seconds * 1000)
