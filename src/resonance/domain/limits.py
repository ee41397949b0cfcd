"""Token buckets: how often somebody may do something. Pure; the caller brings the clock."""

from __future__ import annotations

from collections.abc import Callable

from resonance.domain.errors import Code, ServiceError

BURST_SECONDS = 10
"""A key that was silent may spend this many seconds' worth at once, but at least one token."""
_ROUNDING = 1e-9
"""A token is there when no more than this is missing: times are floats."""


class TokenBuckets:
    """A bucket per key, all of one rate, in bounded memory.

    All that is kept of a bucket is when it will be full again.

    Args:
        rate: returns the tokens per second on average; it may change, and 0 is no limit.
        clock: seconds, monotonic.
        limit: keys remembered at most; the one used longest ago goes, and starts full again.
    """

    def __init__(self, rate: Callable[[], float], clock: Callable[[], float], limit: int = 100_000) -> None:
        self._rate = rate
        self._clock = clock
        self._limit = limit
        # key -> when its bucket will be full again, on the clock; the one used longest ago first; absent means full
        self._full_at: dict[str, float] = {}

    def wait(self, key: str) -> float:
        """Take a token and return 0.0, or take none and return the seconds until there is one."""
        rate = self._rate()
        if not rate:
            return 0.0
        capacity = max(1.0, rate * BURST_SECONDS)
        now = self._clock()
        # under a lower rate it may have been emptier than one of this rate can be
        full_at = min(max(self._full_at.pop(key, now), now), now + capacity / rate)
        missing = (full_at - now) * rate + 1 - capacity
        allowed = missing <= _ROUNDING
        if len(self._full_at) >= self._limit:
            del self._full_at[next(iter(self._full_at))]
        self._full_at[key] = full_at + 1 / rate if allowed else full_at
        return 0.0 if allowed else missing / rate

    def take(self, key: str, what: str) -> None:
        """Take a token, or refuse.

        Raises:
            ServiceError: RATE_LIMITED, saying what there is too much of and when to come back.
        """
        wait = self.wait(key)
        if wait:
            raise ServiceError(
                Code.RATE_LIMITED,
                f"too many {what}: {self._rate():g} per second are allowed",
                retry_after_ms=int(wait * 1000) + 1,
            )
