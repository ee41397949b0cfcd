"""The uplink: whatever happens to links, every message is answered exactly once, and sent in order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from resonance.config.settings import Rpc, StatusBatcher
from resonance.domain.closes import Close
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Entry, Route, SendAnswer, SendItem
from resonance.gateway.uplink import GatewayUplink
from resonance.rpc.connector import Connection, Connector, Logics
from resonance.rpc.frames import DOWN, UP
from resonance.services.link import (
    AnswerBatch,
    DownFrame,
    Hello,
    PushBatch,
    RouteAck,
    RouteDelta,
    RouteRefusal,
    SendBatch,
    UpFrame,
    Welcome,
)


class Collector:
    """A downlink that keeps what it is given."""

    def __init__(self) -> None:
        self.answered: list[SendAnswer] = []
        self.pushed: list[PushBatch] = []
        self.refused: list[RouteRefusal] = []
        self.resyncs = 0
        self.arrived = asyncio.Event()

    def routes(self) -> list[Route]:
        return []

    def answers(self, answers: Sequence[SendAnswer]) -> None:
        self.answered.extend(answers)
        self.arrived.set()

    def push(self, batch: PushBatch) -> None:
        self.pushed.append(batch)

    def tell(self, entry: Entry, user_ids: Sequence[str]) -> list[str]:
        return list(user_ids)

    def kick(self, device_ids: Sequence[str], close: Close) -> None:
        raise AssertionError("nobody is kicked here")

    def refuse(self, refusals: Sequence[RouteRefusal]) -> None:
        self.refused.extend(refusals)

    def resync(self) -> None:
        self.resyncs += 1


class FlakyLogic(Connector):
    """Logic that stores by key, answers after a random while, and loses links at random.

    Attributes:
        log: the keys in the order in which they were first stored.
    """

    def __init__(self, rng: random.Random, loss: float) -> None:
        self.rng = rng
        self.loss = loss
        self.log: list[str] = []
        self.hellos: list[Hello] = []
        self.links = 0

    async def connect(self, on_frame: Callable[[DownFrame], None], on_lost: Callable[[], None]) -> Connection:
        self.links += 1
        return FlakyLink(self, on_frame, on_lost)


class FlakyLink(Connection):
    """One link; a lost one swallows what is on its way in either direction."""

    def __init__(self, logic: FlakyLogic, on_frame: Callable[[DownFrame], None], on_lost: Callable[[], None]) -> None:
        self.logic = logic
        self.on_frame = on_frame
        self.on_lost = on_lost
        self.over = False

    def send(self, frame: UpFrame) -> None:
        frame = UP.loads(UP.dumps(frame))
        if self.over:
            return
        if self.logic.rng.random() < self.logic.loss:
            self.over = True
            asyncio.get_running_loop().call_soon(self.on_lost)
            return
        if isinstance(frame, Hello):
            self.logic.hellos.append(frame)
            self._down(Welcome("store", 0, False, []))
        elif isinstance(frame, SendBatch):
            self._store(frame.items)
        elif isinstance(frame, RouteDelta):
            self._down(RouteAck(frame.number, []))

    def _store(self, items: list[SendItem]) -> None:
        answers = []
        for item in items:
            if item.client_msg_id not in self.logic.log:
                self.logic.log.append(item.client_msg_id)
            seq = self.logic.log.index(item.client_msg_id) + 1
            answers.append(SendAnswer(item.ref, item.connection, seq, seq, seq, 0, "c", item.client_msg_id, "", ""))
        if self.logic.rng.random() >= self.logic.loss:
            self._down(AnswerBatch(answers))
        else:
            self.over = True
            asyncio.get_running_loop().call_soon(self.on_lost)

    def _down(self, frame: DownFrame) -> None:
        asyncio.get_running_loop().call_soon(lambda: None if self.over else self.on_frame(frame))

    async def close(self) -> None:
        self.over = True


def make(connector: Connector, collector: Collector, **rpc: float) -> GatewayUplink:
    """Return an uplink that beats quickly."""
    settings = Rpc.model_validate({"heartbeat": 0.05, "deadline": 2, **rpc})
    return GatewayUplink("g1", Logics.only(connector), collector, settings, StatusBatcher())


@pytest.mark.parametrize("seed", range(8))
async def test_every_message_is_answered_once_and_in_order_over_lost_links(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ack and order survive any number of lost links; a failure is repeated by its seed."""
    monkeypatch.setattr("resonance.gateway.logic_link.RETRY_FIRST_S", 0.001)
    rng = random.Random(seed)
    logic, collector = FlakyLogic(rng, loss=0.15), Collector()
    uplink = make(logic, collector)
    await uplink.start()
    sent = []
    for number in range(200):
        key = f"k{number:03}"
        sent.append(key)
        uplink.submit(1, "ann", key, "c", "", 1, "hi", "", "")
        if rng.random() < 0.3:
            await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await uplink.join()
    await uplink.close()
    assert logic.log == sent
    assert [answer.client_msg_id for answer in collector.answered] == sent
    assert logic.links > 1


UNSENDABLE = {"client_msg_id": "k\ud800", "conversation_id": "c\ud800", "content": "\ud800", "kind": 2**63}
"""By field, what no packet can carry."""
SENDER: dict[str, Any] = {"connection": 1, "sender": "ann", "extra": "", "trace": ""}


@pytest.mark.parametrize("field", UNSENDABLE)
@pytest.mark.parametrize("connected", [True, False], ids=["linked", "before the link"])
@pytest.mark.parametrize("loss", [0, 0.15])
async def test_a_message_that_no_packet_carries_is_refused_and_holds_up_nobody(
    field: str, connected: bool, loss: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sender is told; those around it are stored in order, over whatever links, and it never goes up again."""
    monkeypatch.setattr("resonance.gateway.logic_link.RETRY_FIRST_S", 0.001)
    logic, collector = FlakyLogic(random.Random(1), loss), Collector()
    uplink = make(logic, collector)
    if connected:
        await uplink.start()
        await uplink.wait_connected()
    message: dict[str, Any] = {"conversation_id": "c", "to_user": "", "kind": 1, "content": "hi"}
    for number in range(20):
        bad = {field: UNSENDABLE[field]} if number % 7 == 3 else {}
        uplink.submit(**{"client_msg_id": f"k{number:02}", **message, **bad}, **SENDER)
    if not connected:
        await uplink.start()
    async with asyncio.timeout(20):
        await uplink.join()
    await uplink.close()
    good = [number for number in range(20) if number % 7 != 3]
    assert logic.log == [f"k{number:02}" for number in good]
    refused = [answer for answer in collector.answered if answer.code]
    assert [answer.ref for answer in refused] == [4, 11, 18]
    assert {(answer.code, answer.connection) for answer in refused} == {(Code.INVALID_ARGUMENT.text, 1)}
    assert sorted(answer.ref for answer in collector.answered) == list(range(1, 21))
    DOWN.dumps(AnswerBatch(collector.answered))  # what tells of it can be sent


async def test_a_full_window_is_refused_as_busy() -> None:
    """A gateway without logic keeps a bounded number of messages and says so."""
    uplink = make(FlakyLogic(random.Random(0), loss=1.0), Collector(), window=64)
    for number in range(64):
        uplink.submit(1, "ann", f"k{number}", "c", "", 1, "hi", "", "")
    with pytest.raises(ServiceError) as refused:
        uplink.submit(1, "ann", "k64", "c", "", 1, "hi", "", "")
    assert refused.value.code is Code.BUSY


async def test_a_route_is_open_only_after_logic_acknowledged_it() -> None:
    collector = Collector()
    uplink = make(FlakyLogic(random.Random(0), loss=0), collector)
    await uplink.start()
    assert await uplink.open_route(Route("ann", 1, 5, "d", "")) is None
    await uplink.close()


class SilentLogic(FlakyLogic):
    """Logic that welcomes, and acknowledges no route."""

    def __init__(self) -> None:
        super().__init__(random.Random(0), loss=0)
        self.deltas: asyncio.Queue[RouteDelta] = asyncio.Queue()

    async def connect(self, on_frame: Callable[[DownFrame], None], on_lost: Callable[[], None]) -> Connection:
        return SilentLink(self, on_frame, on_lost)


class SilentLink(FlakyLink):
    """A link to it."""

    logic: SilentLogic

    def send(self, frame: UpFrame) -> None:
        if isinstance(frame, RouteDelta):
            self.logic.deltas.put_nowait(frame)
        else:
            super().send(frame)


@pytest.mark.parametrize(
    "settings",
    [StatusBatcher(batch_size=2, flush_interval=3600), StatusBatcher(batch_size=3, flush_interval=0.001)],
    ids=["by count", "by time"],
)
async def test_routes_go_up_in_batches_as_the_settings_say(settings: StatusBatcher) -> None:
    """Behind a delta that nobody acknowledges, two more routes are announced together."""
    logic = SilentLogic()
    uplink = GatewayUplink("g1", Logics.only(logic), Collector(), Rpc(), settings)
    await uplink.start()
    await uplink.wait_connected()
    opening = []
    for routes in ([1], [2, 3]):
        opening += [asyncio.create_task(uplink.open_route(Route("ann", one, 1, "d", ""))) for one in routes]
        async with asyncio.timeout(20):
            delta = await logic.deltas.get()
        assert [route.connection for route in delta.opened] == routes
    await uplink.close()
    for task in opening:
        task.cancel()
    await asyncio.gather(*opening, return_exceptions=True)


async def test_a_route_waits_for_the_link_and_goes_up_with_the_snapshot() -> None:
    """A client that connects while logic is away is not ready before logic knows it."""
    logic = FlakyLogic(random.Random(0), loss=0)
    uplink = make(logic, Collector())
    opening = asyncio.create_task(uplink.open_route(Route("ann", 1, 5, "d", "")))
    await asyncio.sleep(0)
    assert not opening.done()
    await uplink.start()
    assert await opening is None
    assert logic.hellos[0].routes == [Route("ann", 1, 5, "d", "")]
    await uplink.close()


async def test_without_logic_a_route_is_refused_as_unavailable() -> None:
    uplink = make(FlakyLogic(random.Random(0), loss=1.0), Collector(), deadline=0.05)
    await uplink.start()
    with pytest.raises(ServiceError) as refused:
        await uplink.open_route(Route("ann", 1, 5, "d", ""))
    assert refused.value.code is Code.UNAVAILABLE
    await uplink.close()
