"""Rates that several logics keep together: the bound of `logic.rates`, and what happens while nothing is shared."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from hypothesis import example, given
from hypothesis import strategies as st

from resonance.domain.limits import TokenBuckets, burst
from resonance.engines.memory.counters import MemoryCounters
from resonance.logic.rates import exchange

STEP_S = 0.05
EVERY = 4
"""Steps between two reports of a logic at most."""

Step = tuple[list[int], int]
"""What happens in one step: how many messages each logic is sent, and which logic reports early."""


class Clock:
    """The time of everybody."""

    now = 0.0

    def ms(self) -> int:
        return round(self.now * 1000)

    def seconds(self) -> float:
        return self.now


class Cluster:
    """Logics that share the buckets of one rate."""

    def __init__(self, logics: int, rate: float) -> None:
        self.clock = Clock()
        self.counters = MemoryCounters(self.clock.ms)
        self.logics = [TokenBuckets(lambda: rate, self.clock.seconds) for _ in range(logics)]
        self.given: list[tuple[float, int]] = []
        for buckets in self.logics:
            buckets.share()

    async def report(self, logic: int) -> None:
        await exchange(self.counters, "messages", self.logics[logic])

    async def run(self, steps: list[Step]) -> None:
        """Send, report in time, and let time pass."""
        waited = [0] * len(self.logics)
        for messages, early in steps:
            for logic, buckets in enumerate(self.logics):
                allowed = sum(not buckets.wait("ann") for _ in range(messages[logic % len(messages)]))
                self.given.append((self.clock.now, allowed))
                waited[logic] += 1
                if logic == early or waited[logic] >= EVERY:
                    await self.report(logic)
                    waited[logic] = 0
            self.clock.now += STEP_S

    def most(self, seconds: float) -> int:
        """Return how many were allowed in the busiest time of this length."""
        starts = {at for at, _ in self.given}
        return max(sum(n for at, n in self.given if begin <= at <= begin + seconds) for begin in starts)


STEPS = st.lists(st.tuples(st.lists(st.integers(0, 60), min_size=1, max_size=4), st.integers(0, 5)), max_size=60)


@given(logics=st.integers(1, 4), rate=st.sampled_from([0.05, 1.0, 7.0, 40.0]), steps=STEPS)
@example(logics=4, rate=40.0, steps=[([60], 5)] * 200)
async def test_together_they_stay_within_the_bound(logics: int, rate: float, steps: list[Step]) -> None:
    cluster = Cluster(logics, rate)
    await cluster.run(steps)
    late = EVERY * STEP_S
    for seconds in (0.0, 0.5, 2.0, 10.0) if cluster.given else ():
        assert cluster.most(seconds) <= rate * seconds + logics * (burst(rate) + 2 * rate * late) + 1e-6


async def test_what_was_given_beyond_the_bucket_is_paid_back() -> None:
    """In the long run three logics allow what one does: alone each would allow all of it."""
    cluster = Cluster(3, 2.0)
    await cluster.run([([5], 9)] * 1200)
    assert cluster.most(60.0) <= 2 * 60 + 20 + 5
    last = [n for at, n in cluster.given if at >= 30.0]
    assert 2 * 30 * 0.8 <= sum(last) <= 2 * 30 * 1.1


class Unreachable(MemoryCounters):
    """A table that cannot be reached."""

    async def spend(self, kind: str, given: Mapping[str, int], rate: float) -> dict[str, float]:
        return {}


async def test_without_the_table_each_keeps_the_rate_by_itself() -> None:
    cluster = Cluster(2, 1.0)
    cluster.counters = Unreachable(cluster.clock.ms)
    await cluster.run([([10], 0)] * 100)
    assert [sum(n for _, n in cluster.given[logic::2]) for logic in (0, 1)] == [14, 14]


async def test_what_is_given_while_a_report_is_on_its_way_is_not_lost() -> None:
    """Neither the report nor its answer may forget it."""
    cluster = Cluster(1, 1.0)
    [buckets] = cluster.logics
    on_its_way, answered = asyncio.Event(), asyncio.Event()

    class Slow(MemoryCounters):
        async def spend(self, kind: str, given: Mapping[str, int], rate: float) -> dict[str, float]:
            on_its_way.set()
            await answered.wait()
            return await super().spend(kind, given, rate)

    cluster.counters = Slow(cluster.clock.ms)
    for _ in range(4):
        assert not buckets.wait("ann")
    reporting = asyncio.create_task(cluster.report(0))
    await on_its_way.wait()
    for _ in range(6):
        assert not buckets.wait("ann")
    answered.set()
    await reporting
    assert buckets.wait("ann") > 0
    assert buckets.given() == {"ann": 6}
