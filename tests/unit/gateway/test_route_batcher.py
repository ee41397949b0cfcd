"""Announcing connections: at once when idle, and under a storm by count or by time, whichever comes first."""

from __future__ import annotations

import asyncio

import pytest

from resonance.config.settings import StatusBatcher
from resonance.domain.model import Route
from resonance.gateway.route_batcher import RouteBatcher
from resonance.services.link import RouteDelta, UpFrame
from tests.unit.logic.clocks import FakeClock

SIZE, INTERVAL_S = 4, 0.1


class Link:
    """A link that is up and keeps what is sent on it; nothing is acknowledged unless the test does it."""

    up = True
    is_primary = True

    def __init__(self) -> None:
        self.deltas: list[RouteDelta] = []

    def send(self, frame: UpFrame) -> None:
        assert isinstance(frame, RouteDelta)
        self.deltas.append(frame)

    def said(self) -> list[tuple[list[int], list[int]]]:
        """Return what came, by delta: who is opened, and who is closed."""
        return [([route.connection for route in delta.opened], delta.closed) for delta in self.deltas]


class Storm:
    """A batcher whose link has begun, and time that stands still until it is told to go on."""

    def __init__(self, clock: FakeClock) -> None:
        self.link = Link()
        self.batcher = RouteBatcher(self.link, StatusBatcher(batch_size=SIZE, flush_interval=INTERVAL_S))
        self.batcher.begin([])
        self._clock = clock

    def open(self, *connections: int) -> None:
        for connection in connections:
            self.batcher.open(Route("ann", connection, 1, "d", ""))

    async def pass_time(self, seconds: float = 0) -> None:
        """Let time pass, and everything run that is due."""
        self._clock.advance(seconds)
        for _ in range(3):
            await asyncio.sleep(0)

    async def occupy(self) -> None:
        """Put the first delta on its way, which opens 0."""
        self.open(0)
        await self.pass_time()


@pytest.fixture
async def storm(monkeypatch: pytest.MonkeyPatch) -> Storm:
    clock = FakeClock()
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: clock.monotonic() / 1000)
    return Storm(clock)


async def test_an_idle_gateway_announces_at_once(storm: Storm) -> None:
    """No time passes; what comes in one turn of the loop goes in one delta."""
    storm.open(1, 2)
    await storm.pass_time()
    assert storm.link.said() == [([1, 2], [])]


async def test_a_full_batch_does_not_wait(storm: Storm) -> None:
    """Behind a delta on its way the count sends, though no time passes: opened and closed count together."""
    await storm.occupy()
    storm.open(1, 2)
    storm.batcher.close(0)
    await storm.pass_time()
    assert storm.link.said() == [([0], [])]
    storm.open(3)
    assert storm.link.said() == [([0], []), ([1, 2, 3], [0])]


async def test_a_storm_goes_in_full_batches(storm: Storm) -> None:
    await storm.occupy()
    storm.open(*range(1, 10 * SIZE + 1))
    await storm.pass_time()
    assert [len(opened) for opened, _ in storm.link.said()] == [1, *[SIZE] * 10]


async def test_what_fills_no_batch_waits_for_the_interval_and_no_longer(storm: Storm) -> None:
    """The interval counts from the first change that waits: those that trickle in behind it do not put it off."""
    await storm.occupy()
    storm.open(1)
    await storm.pass_time(INTERVAL_S * 0.8)
    storm.open(2)
    await storm.pass_time(INTERVAL_S * 0.1)
    assert storm.link.said() == [([0], [])]
    await storm.pass_time(INTERVAL_S * 0.1)
    assert storm.link.said() == [([0], []), ([1, 2], [])]


async def test_a_full_batch_ends_the_interval_of_what_it_took_along(storm: Storm) -> None:
    """What comes behind it waits for an interval of its own."""
    await storm.occupy()
    storm.open(1)
    await storm.pass_time(INTERVAL_S * 0.8)
    storm.open(2, 3, 4, 5)
    await storm.pass_time(INTERVAL_S * 0.2)
    assert storm.link.said() == [([0], []), ([1, 2, 3, 4], [])]
    await storm.pass_time(INTERVAL_S * 0.8)
    assert storm.link.said() == [([0], []), ([1, 2, 3, 4], []), ([5], [])]


async def test_an_acknowledgement_sends_what_waits(storm: Storm) -> None:
    """It ends neither by count nor by time, and the interval that it cut short sends nothing twice."""
    await storm.occupy()
    storm.open(1)
    assert storm.batcher.acked(1) == [0]
    assert storm.link.said() == [([0], []), ([1], [])]
    await storm.pass_time(INTERVAL_S)
    assert len(storm.link.deltas) == 2
    assert storm.batcher.acked(2) == [1]


async def test_who_comes_and_goes_within_a_batch_is_not_announced(storm: Storm) -> None:
    await storm.occupy()
    storm.open(1)
    storm.batcher.close(1)
    await storm.pass_time(INTERVAL_S)
    assert storm.link.said() == [([0], [])]


async def test_the_end_of_a_link_ends_what_waits(storm: Storm) -> None:
    """The next link's snapshot says everything, so nothing of the one before may come behind it."""
    await storm.occupy()
    storm.open(1)
    storm.batcher.begin([Route("ann", 1, 1, "d", "")])
    await storm.pass_time(INTERVAL_S)
    assert storm.link.said() == [([0], [])]
    assert storm.batcher.welcomed() == [1]
