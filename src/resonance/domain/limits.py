"""Token buckets: how often somebody may do something. Pure; the caller brings the clock."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from resonance.domain.errors import Code, ServiceError

BURST_SECONDS = 10
"""A bucket holds this many seconds' worth of its rate, but at least one token."""


class TokenBuckets:
    """A bucket per key, all of one rate; at most `limit` keys, the least recently used forgotten first.

    Args:
        rate: tokens per second on average.
        clock: seconds, monotonic.
    """

    def __init__(self, rate: float, clock: Callable[[], float], limit: int = 100_000) -> None:
        self._rate = rate
        self._capacity = max(1.0, rate * BURST_SECONDS)
        self._clock = clock
        self._limit = limit
        # key -> (tokens left, when that was)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Take a token and return 0.0, or take none and return the seconds until there is one."""
        now = self._clock()
        tokens, at = self._buckets.pop(key, (self._capacity, now))
        tokens = min(self._capacity, tokens + (now - at) * self._rate)
        allowed = tokens >= 1
        self._buckets[key] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > self._limit:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) / self._rate

    def take(self, key: str, what: str) -> None:
        """Take a token, or refuse.

        Raises:
            ServiceError: RATE_LIMITED, saying what there is too much of and when to come back.
        """
        wait = self.wait(key)
        if wait:
            raise ServiceError(
                Code.RATE_LIMITED,
                f"too many {what}: {self._rate:g} per second are allowed",
                retry_after_ms=int(wait * 1000) + 1,
            )
