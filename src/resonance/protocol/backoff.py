"""Exponential backoff with full jitter, on a clock that is handed in."""

from __future__ import annotations

import random


class Backoff:
    """When something that failed may be tried again.

    Delays are uniform in [0, min(cap, base * 2**failures)] seconds ("full jitter"), so that clients that failed
    together do not return together.

    Attributes:
        until: the time before which not to try again; 0 at first.
        failures: how many there were in a row.
    """

    def __init__(self, rng: random.Random, base: float = 0.25, cap: float = 30.0) -> None:
        self.until = 0.0
        self.failures = 0
        self._rng = rng
        self._base = base
        self._cap = cap

    def failed(self, now: float) -> float:
        """Count a failure and return the delay in seconds."""
        delay = self._rng.uniform(0, min(self._cap, self._base * 2.0 ** min(self.failures, 16)))
        self.failures += 1
        self.until = now + delay
        return delay

    def succeeded(self) -> None:
        """Forget the failures."""
        self.failures = 0
        self.until = 0.0
