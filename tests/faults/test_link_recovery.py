"""A link that breaks while logic repeats what a gateway missed: the gateway must not believe that it got it all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

import pytest

from resonance.config.settings import Rpc
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import DeviceState, Entry, Route, SendItem
from resonance.engines.memory.routes import MemoryRoutes
from resonance.logic.catch_up import WAITING_MOST
from resonance.logic.links import GatewaySession, LinkHub, Links
from resonance.ports.routes import RouteChange
from resonance.ports.store import Store
from resonance.services.link import (
    CaughtUp,
    DownBeat,
    DownFrame,
    Hello,
    Missed,
    Push,
    PushBatch,
    RouteAck,
    RouteDelta,
    UpBeat,
    Welcome,
)

GATEWAY = "gw-000"
EPOCH = "store-1"
HEAD = 100
"""Where logic's delivery stands."""
KNOWN = 40
"""Up to where the gateway was given everything."""


class Recovery:
    """A replay that takes as long as the test wants, and ends as it wants."""

    def __init__(self) -> None:
        self.position = HEAD
        self.started = 0
        self.begun = asyncio.Event()
        self.outcome: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def replay(self, gateway: str, position: int, *, own: bool = False, signals: bool = True) -> bool:
        assert (gateway, position) == (GATEWAY, KNOWN)
        self.begun.set()
        return await self.outcome


class Devices:
    """A store in which every device is good, once it answers."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.answers.set()

    async def device_states(self, device_ids: Sequence[str]) -> dict[str, DeviceState]:
        await self.answers.wait()
        return dict.fromkeys(device_ids, DeviceState.ACTIVE)


class NoPipeline:
    def put(self, sink: GatewaySession, items: Sequence[SendItem]) -> None:
        raise AssertionError("nobody sends here")


class Wire:
    """A link of the gateway, as it sees it."""

    def __init__(self) -> None:
        self.recovery = Recovery()
        self.frames: list[DownFrame] = []
        self.resynced = asyncio.Event()
        self.ended = asyncio.Event()
        self._news = asyncio.Event()
        self._links = Links()

        async def changed(change: RouteChange, *, tell: bool) -> None:
            return

        self.devices = Devices()
        store = cast("Store", self.devices)
        self.hub = LinkHub(store, MemoryRoutes(), self._links, NoPipeline(), self.recovery, changed, Rpc(), EPOCH)
        self.session = self.hub.open(self._take, self.ended.set)
        self.session.receive(Hello(GATEWAY, 1, EPOCH, KNOWN, [Route("ann", 1, 0, "phone", "")]))

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait for frames until something is so."""
        while not reached():
            self._news.clear()
            await self._news.wait()

    def _take(self, frame: DownFrame) -> None:
        self.frames.append(frame)
        self._news.set()
        if isinstance(frame, Welcome) and frame.resync:
            self.resynced.set()

    def push(self) -> None:
        """Push something that is committed meanwhile."""
        entry = Entry("c", 7, 1, "bob", "k", 1, "hi", "", 7, 1)
        self._links.send(GATEWAY, PushBatch(HEAD, [Push([entry], ["ann"], [0])], []))

    @property
    def position(self) -> int:
        """Up to where the gateway believes by now that it has been given everything."""
        told = [frame.position for frame in self.frames if isinstance(frame, Welcome | PushBatch | DownBeat)]
        return max([KNOWN, *told])


@pytest.fixture
async def wire() -> Wire:
    """A gateway that was cut off and has said hello again; its replay has begun."""
    made = Wire()
    await made.recovery.begun.wait()
    made.push()
    made.session.receive(UpBeat(1))
    return made


async def test_while_logic_repeats_the_position_stays(wire: Wire) -> None:
    kinds = [type(frame) for frame in wire.frames]
    assert kinds == [Welcome, PushBatch, DownBeat]
    assert wire.position == KNOWN
    await wire.hub.close()


async def test_after_the_repetition_the_position_moves(wire: Wire) -> None:
    wire.recovery.outcome.set_result(True)
    async with asyncio.timeout(5):
        while wire.position == KNOWN:
            wire.session.receive(UpBeat(2))
            await asyncio.sleep(0)
    assert wire.position == HEAD
    await wire.hub.close()


async def test_a_client_that_is_told_to_sync_has_everything(wire: Wire) -> None:
    wire.recovery.outcome.set_result(False)
    async with asyncio.timeout(5):
        await wire.resynced.wait()
    assert wire.position == HEAD
    await wire.hub.close()


async def test_a_repetition_that_fails_ends_the_link_and_the_position_stays(wire: Wire) -> None:
    wire.recovery.outcome.set_exception(ServiceError(Code.UNAVAILABLE))
    async with asyncio.timeout(5):
        await wire.ended.wait()
    assert wire.position == KNOWN
    await wire.hub.close()


async def test_a_connection_announced_on_a_link_that_was_replaced_is_not_believed(wire: Wire) -> None:
    late = RouteDelta(2, [Route("bob", 2, 0, "phone", "")], [])
    wire.devices.answers.clear()
    wire.session.receive(RouteDelta(1, [Route("cid", 3, 0, "phone", "")], [3]))
    wire.session.receive(late)  # waits for the store; meanwhile bob leaves, and the gateway links anew
    second: list[DownFrame] = []
    welcomed = asyncio.Event()

    def take(frame: DownFrame) -> None:
        second.append(frame)
        welcomed.set()

    session = wire.hub.open(take, lambda: None)
    session.receive(Hello(GATEWAY, 1, "another", KNOWN, [Route("ann", 1, 0, "phone", "")]))
    await asyncio.sleep(0)
    wire.devices.answers.set()
    await welcomed.wait()
    async with asyncio.timeout(5):
        while wire.session in wire.hub.open_sessions:  # noqa: ASYNC110 (until the old link is wound up)
            await asyncio.sleep(0)
    assert await wire.hub.routes.locate(["ann", "bob"]) == {GATEWAY: ["ann"]}
    await wire.hub.close()


async def test_connections_need_not_wait_until_everything_is_repeated(wire: Wire) -> None:
    """A gateway gives a link up that acknowledges none for a while, and would begin to catch up again, for ever."""
    wire.session.receive(RouteDelta(1, [Route("bob", 2, 0, "phone", "")], []))
    wire.session.receive(Missed(1, KNOWN, signals=True))
    async with asyncio.timeout(5):
        await wire.until(lambda: any(isinstance(frame, RouteAck) for frame in wire.frames))
    assert wire.position == KNOWN
    assert not any(isinstance(frame, CaughtUp) for frame in wire.frames)
    wire.recovery.outcome.set_result(True)
    async with asyncio.timeout(5):
        await wire.until(lambda: isinstance(wire.frames[-1], CaughtUp))
    await wire.hub.close()


async def test_a_lost_link_is_caught_up_with_no_longer(wire: Wire) -> None:
    wire.session.lost()
    await wire.hub.close()
    assert wire.recovery.outcome.cancelled()


async def test_who_asks_for_too_much_syncs(wire: Wire) -> None:
    """What waits on one link is bounded, and nobody believes to have what was not repeated."""
    for number in range(WAITING_MOST + 1):
        wire.session.receive(Missed(number, KNOWN, signals=True))
    async with asyncio.timeout(5):
        await wire.resynced.wait()
        await wire.until(lambda: CaughtUp(WAITING_MOST) in wire.frames)
    assert wire.position == KNOWN
    assert wire.frames.count(CaughtUp(WAITING_MOST)) == len([f for f in wire.frames if isinstance(f, CaughtUp)])
    await wire.hub.close()
