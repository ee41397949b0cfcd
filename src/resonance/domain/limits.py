"""Token buckets: how often somebody may do something. Pure; the caller brings the clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from resonance.domain.errors import Code, ServiceError

BURST_SECONDS = 10
"""A key that was silent may spend this many seconds' worth at once, but at least one token."""
_ROUNDING = 1e-9
"""A token is there when no more than this is missing: times are floats."""
DEEPEST = 16
"""Buckets' worth of tokens that shared ones may owe: what so many processes gave at once is paid back."""


def burst(rate: float) -> float:
    """Return how many tokens a full bucket holds."""
    return max(1.0, rate * BURST_SECONDS)


class TokenBuckets:
    """A bucket per key, all of one rate, in bounded memory.

    All that is kept of a bucket is when it will be full again. Several processes may share buckets: each gives tokens
    out of its own ones, says from time to time what it gave (`given`), and is told what is missing in all (`correct`).

    Args:
        rate: returns the tokens per second on average; it may change, and 0 is no limit.
        clock: seconds, monotonic.
        limit: keys remembered at most; the one used longest ago goes, and starts full again.
    """

    def __init__(self, rate: Callable[[], float], clock: Callable[[], float], limit: int = 100_000) -> None:
        self.rate = rate
        self._clock = clock
        self._limit = limit
        # key -> when its bucket will be full again, on the clock; the one used longest ago first; absent means full
        self._full_at: dict[str, float] = {}
        # key -> tokens given since `given` was asked; None while nobody asks
        self._given: dict[str, int] | None = None
        self._deepest = 1  # buckets' worth that may be missing: more than one is what others gave beyond it

    def wait(self, key: str) -> float:
        """Take a token and return 0.0, or take none and return the seconds until there is one."""
        rate = self.rate()
        if not rate:
            return 0.0
        capacity = burst(rate)
        now = self._clock()
        # under a lower rate it may have been emptier than one of this rate can be
        full_at = min(max(self._full_at.pop(key, now), now), now + self._deepest * capacity / rate)
        missing = (full_at - now) * rate + 1 - capacity
        allowed = missing <= _ROUNDING
        if len(self._full_at) >= self._limit:
            del self._full_at[next(iter(self._full_at))]
        self._full_at[key] = full_at + 1 / rate if allowed else full_at
        given = self._given
        if allowed and given is not None and (key in given or len(given) < self._limit):
            given[key] = given.get(key, 0) + 1
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
                f"too many {what}: {self.rate():g} per second are allowed",
                retry_after_ms=int(wait * 1000) + 1,
            )

    def share(self) -> None:
        """Note from now on what is given, and believe what others say is missing."""
        self._given = {}
        self._deepest = DEEPEST

    def given(self) -> dict[str, int]:
        """Return how many tokens of each key were given since this was asked last, of at most `limit` keys: of
        what is given of further ones others do not hear.
        """
        given, self._given = self._given or {}, {}
        return given

    def correct(self, missing: Mapping[str, float]) -> None:
        """Take over how many tokens of these keys are missing in all, to which what was given meanwhile is added."""
        rate, now = self.rate(), self._clock()
        if not rate:
            return
        since = self._given or {}
        for key, tokens in missing.items():
            if key in self._full_at:
                self._full_at[key] = now + (tokens + since.get(key, 0)) / rate
