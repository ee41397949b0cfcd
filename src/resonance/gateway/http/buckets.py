"""Token buckets, one per key, in bounded memory."""

from __future__ import annotations

import time
from collections.abc import Callable

BURST_SECONDS = 10
"""A key that was silent may spend this many seconds' worth at once."""


class Buckets:
    """Allows each key `rate` units per second on average, in bursts of up to ten seconds' worth."""

    def __init__(self, rate: float, *, limit: int = 50_000, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with full buckets.

        Args:
            rate: units per second, above 0.
            limit: keys remembered at most; the one that was first seen longest ago goes, and starts full again.
        """
        self._rate = rate
        self._capacity = max(1.0, rate * BURST_SECONDS)
        self._limit = limit
        self._clock = clock
        self._full_at: dict[str, float] = {}  # when the key's bucket will be full again; absent means full

    def take(self, key: str) -> float:
        """Take one unit; return 0 when it was there, else the seconds to wait for it (nothing was taken)."""
        now = self._clock()
        full_at = max(self._full_at.pop(key, now), now)
        missing = (full_at - now) * self._rate + 1 - self._capacity
        if missing > 1e-9:
            self._full_at[key] = full_at
            return missing / self._rate
        if len(self._full_at) >= self._limit:
            del self._full_at[next(iter(self._full_at))]
        self._full_at[key] = full_at + 1 / self._rate
        return 0.0
