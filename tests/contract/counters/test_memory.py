"""Counters in memory."""

from __future__ import annotations

from resonance.engines.memory.counters import MemoryCounters
from resonance.ports.counters import Counters
from tests.contract.counters.suite_counters import LONG_MS, CountersSuite


class TestMemoryCounters(CountersSuite):
    def make(self) -> Counters:
        return MemoryCounters()


async def test_memory_is_bounded_and_the_oldest_is_forgotten() -> None:
    counters = MemoryCounters(capacity=2)
    for key in ("ann", "bob", "cleo"):
        assert await counters.enter("login", key, 1, LONG_MS) == 0
    assert await counters.enter("login", "bob", 1, LONG_MS) > 0
    assert await counters.enter("login", "cleo", 1, LONG_MS) > 0
    assert await counters.enter("login", "ann", 1, LONG_MS) == 0
