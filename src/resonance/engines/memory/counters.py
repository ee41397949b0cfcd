"""Counters in this process's memory."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from resonance.domain.limits import DEEPEST, burst
from resonance.ports.counters import Counters

CAPACITY = 65_536
"""Keys of one kind that are remembered; the one tried longest ago is forgotten for a new one."""


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class MemoryCounters(Counters):
    """A bounded dictionary per kind."""

    def __init__(self, clock: Callable[[], int] = _monotonic_ms, capacity: int = CAPACITY) -> None:
        """Begin with none.

        Args:
            clock: ms; one that never goes back, or a correction of the time would lock people out for as long.
        """
        self._clock = clock
        self._capacity = capacity
        self._kinds: dict[str, OrderedDict[str, tuple[int, int]]] = {}  # key -> (window's end in ms, attempts)
        self._buckets: dict[str, OrderedDict[str, tuple[int, float]]] = {}  # key -> (ms of the clock, tokens missing)

    async def enter(self, kind: str, key: str, limit: int, window_ms: int) -> int:
        counts = self._kinds.setdefault(kind, OrderedDict())
        now = self._clock()
        ends_at, count = self._current(kind, key)
        if count >= limit:
            return max(1, (ends_at or now + window_ms) - now)
        counts[key] = (ends_at or now + window_ms, count + 1)
        counts.move_to_end(key)
        if len(counts) > self._capacity:
            counts.popitem(last=False)
        return 0

    async def take_back(self, kind: str, key: str) -> None:
        ends_at, count = self._current(kind, key)
        if count > 0:
            self._kinds[kind][key] = (ends_at, count - 1)

    async def reset(self, kind: str, key: str) -> None:
        self._kinds.get(kind, OrderedDict()).pop(key, None)

    async def spend(self, kind: str, given: Mapping[str, int], rate: float) -> dict[str, float]:
        buckets = self._buckets.setdefault(kind, OrderedDict())
        now = self._clock()
        for key, tokens in given.items():
            at, missing = buckets.pop(key, (now, 0.0))
            missing = max(0.0, missing - (now - at) / 1000 * rate) + tokens
            buckets[key] = (now, min(missing, DEEPEST * burst(rate)))
        answer = {key: buckets[key][1] for key in given}
        while len(buckets) > self._capacity:
            buckets.popitem(last=False)
        return answer

    def _current(self, kind: str, key: str) -> tuple[int, int]:
        """Return when the window ends and what is counted in it; zeros when there is none."""
        ends_at, count = self._kinds.get(kind, OrderedDict()).get(key, (0, 0))
        return (ends_at, count) if ends_at > self._clock() else (0, 0)
