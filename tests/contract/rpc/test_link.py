"""The link keeps its promises over every connector: order, no blocking, and one word about its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from resonance.config.settings import Rpc
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Entry, Route, SendAnswer, SendItem
from resonance.domain.signals import Typing
from resonance.rpc import server as server_module
from resonance.rpc.connector import Connector, DirectConnector
from resonance.rpc.link import GrpcConnector, LinkServer
from resonance.rpc.loopback import LoopbackConnector
from resonance.rpc.server import RpcServer
from resonance.services.link import (
    AnswerBatch,
    CaughtUp,
    DownBeat,
    DownFrame,
    Hello,
    Kick,
    LinkService,
    LinkSession,
    Missed,
    Push,
    PushBatch,
    RouteAck,
    RouteDelta,
    RouteRefusal,
    SendBatch,
    SignalPush,
    UpBeat,
    UpFrame,
    Welcome,
)
from tests.contract.rpc.conftest import SETTINGS, serving

ROUTE = Route("anna", 7, 5, "d1", "127.0.0.1")
ITEM = SendItem(1, 7, "anna", "k1", "si_anna_bob", "", 1, "hi", "", "0" * 32)
ANSWER = SendAnswer(1, 7, 99, 1, 1, 1_700_000_000_000, "si_anna_bob", "k1", "", "")
ENTRY = Entry("si_anna_bob", 1, 99, "anna", "k1", 1, "hi", "", 1, 1_700_000_000_000)
UP_FRAMES: list[UpFrame] = [
    Hello("gateway-0", 3, "e", 12, [ROUTE], alone=False, queued=4),
    RouteDelta(1, [ROUTE], [3], primary=False),
    Missed(2, 12, signals=True),
    SendBatch([ITEM]),
    UpBeat(0),
]
DOWN_FRAMES: list[DownFrame] = [
    Welcome("e", 12, False, [RouteRefusal(7, 4502)]),
    RouteAck(1, []),
    AnswerBatch([ANSWER]),
    PushBatch(13, [Push([ENTRY], ["bob"], [7])], [SignalPush(Typing("si_anna_bob", "anna"), ["bob"], 0)]),
    Kick(["d1"], 4502),
    DownBeat(0, 13),
    CaughtUp(2),
]


class Logic(LinkService, LinkSession):
    """A logic with one gateway, which does what a test says."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[UpFrame] = asyncio.Queue()
        self.is_lost = asyncio.Event()
        self.send: Callable[[DownFrame], None]
        self.end: Callable[[], None]
        self.on_frame: Callable[[UpFrame], None] = self.frames.put_nowait

    def open(self, send: Callable[[DownFrame], None], end: Callable[[], None]) -> LinkSession:
        """Take the only link."""
        self.send, self.end = send, end
        return self

    def receive(self, frame: UpFrame) -> None:
        """Do with a frame what the test says; by default keep it."""
        self.on_frame(frame)

    def lost(self) -> None:
        """Note the end."""
        self.is_lost.set()


class Gateway:
    """What comes down a link, and how often it was lost."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[DownFrame] = asyncio.Queue()
        self.losses = 0
        self.is_lost = asyncio.Event()

    def on_frame(self, frame: DownFrame) -> None:
        """Keep a frame."""
        self.frames.put_nowait(frame)

    def on_lost(self) -> None:
        """Count a loss."""
        self.losses += 1
        self.is_lost.set()


async def settle() -> None:
    """Let everything run that is ready to run now."""
    for _ in range(20):
        await asyncio.sleep(0)


Link = Callable[[LinkService], Awaitable[Connector]]


@pytest.fixture(params=["direct", "loopback", "grpc"])
async def link(request: pytest.FixtureRequest, listen: str) -> AsyncIterator[Link]:
    """Returns a function that puts a logic behind one of the connectors."""
    async with AsyncExitStack() as stack:

        async def put(logic: LinkService) -> Connector:
            if request.param == "direct":
                return DirectConnector(logic)
            if request.param == "loopback":
                return LoopbackConnector(logic)
            server = await stack.enter_async_context(serving(listen, link=logic))
            return GrpcConnector(server.address, SETTINGS)

        yield put


@pytest.fixture(autouse=True)
async def in_time() -> AsyncIterator[None]:
    """Fail a test that waits for what does not come."""
    async with asyncio.timeout(30):
        yield


async def test_every_frame_arrives_in_order_both_ways(link: Link) -> None:
    logic, gateway = Logic(), Gateway()
    connection = await (await link(logic)).connect(gateway.on_frame, gateway.on_lost)
    up = [*UP_FRAMES, *(UpBeat(n) for n in range(500))]
    down = [*DOWN_FRAMES, *(DownBeat(n, n) for n in range(500))]
    for frame in up:
        connection.send(frame)
    for answer in down:
        logic.send(answer)
    assert [await logic.frames.get() for _ in up] == up
    assert [await gateway.frames.get() for _ in down] == down
    await connection.close()


async def test_a_frame_never_comes_from_within_send(link: Link) -> None:
    logic, gateway = Logic(), Gateway()
    logic.on_frame = lambda frame: logic.send(DownBeat(1, 0))
    connection = await (await link(logic)).connect(gateway.on_frame, gateway.on_lost)
    connection.send(UpBeat(1))
    assert gateway.frames.empty()
    assert await gateway.frames.get() == DownBeat(1, 0)
    await connection.close()


async def test_closing_is_no_loss_to_the_gateway_but_the_end_for_logic(link: Link) -> None:
    logic, gateway = Logic(), Gateway()
    connection = await (await link(logic)).connect(gateway.on_frame, gateway.on_lost)
    connection.send(UpBeat(1))
    await connection.close()
    await logic.is_lost.wait()
    assert await logic.frames.get() == UpBeat(1)
    await connection.close()
    connection.send(UpBeat(2))
    logic.send(DownBeat(1, 1))
    await settle()
    assert gateway.losses == 0
    assert gateway.frames.empty()
    assert logic.frames.empty()


async def test_an_end_by_logic_is_a_loss_behind_what_was_sent(link: Link) -> None:
    logic, gateway = Logic(), Gateway()
    connection = await (await link(logic)).connect(gateway.on_frame, gateway.on_lost)
    logic.send(DownBeat(1, 1))
    logic.end()
    logic.send(DownBeat(2, 2))
    await gateway.is_lost.wait()
    await logic.is_lost.wait()
    assert gateway.frames.get_nowait() == DownBeat(1, 1)
    assert gateway.frames.empty()
    logic.end()
    connection.send(UpBeat(1))
    await connection.close()
    await settle()
    assert gateway.losses == 1
    assert logic.frames.empty()


async def test_a_frame_that_the_gateway_fails_on_loses_the_link(link: Link) -> None:
    logic, gateway = Logic(), Gateway()

    def fail(frame: DownFrame) -> None:
        raise RuntimeError("a mistake")

    with capture_logs() as logs:
        connection = await (await link(logic)).connect(fail, gateway.on_lost)
        logic.send(DownBeat(1, 1))
        logic.send(DownBeat(2, 2))
        await gateway.is_lost.wait()
        await logic.is_lost.wait()
    assert [line["event"] for line in logs if line["log_level"] == "error"] == [
        "the gateway failed on a frame: the link is lost"
    ]
    await connection.close()
    assert gateway.losses == 1


async def test_a_frame_that_logic_fails_on_loses_the_link(link: Link) -> None:
    logic, gateway = Logic(), Gateway()

    def fail(frame: UpFrame) -> None:
        raise RuntimeError("a mistake")

    logic.on_frame = fail
    with capture_logs() as logs:
        connection = await (await link(logic)).connect(gateway.on_frame, gateway.on_lost)
        connection.send(UpBeat(1))
        await gateway.is_lost.wait()
        await logic.is_lost.wait()
    assert len([line for line in logs if line["log_level"] == "error"]) == 1
    await connection.close()
    assert gateway.losses == 1


@pytest.mark.parametrize("link", ["loopback", "grpc"], indirect=True)
async def test_a_frame_that_no_message_can_carry_is_refused_alone(link: Link) -> None:
    logic, gateway = Logic(), Gateway()
    connection = await (await link(logic)).connect(gateway.on_frame, gateway.on_lost)
    with pytest.raises(ValueError, match="surrogates"):
        connection.send(SendBatch([ITEM._replace(content="\ud800")]))
    connection.send(UpBeat(1))
    assert await logic.frames.get() == UpBeat(1)
    assert gateway.losses == 0
    await connection.close()


# ---------------------------------------------------------------- over gRPC only


async def test_a_server_that_dies_is_a_loss(listen: str) -> None:
    logic, gateway = Logic(), Gateway()
    async with serving(listen, link=logic) as server:
        connection = await GrpcConnector(server.address, SETTINGS).connect(gateway.on_frame, gateway.on_lost)
        await server.terminate()
        await gateway.is_lost.wait()
        await logic.is_lost.wait()
        connection.send(UpBeat(1))
        await connection.close()
    assert gateway.losses == 1


async def test_a_closing_server_sends_what_waits_and_drains(listen: str) -> None:
    logic, gateway = Logic(), Gateway()
    async with serving(listen, link=logic) as server:
        connection = await GrpcConnector(server.address, SETTINGS).connect(gateway.on_frame, gateway.on_lost)
        for n in range(100):
            logic.send(DownBeat(n, n))
        await server.close()
        assert await server.join(20)
        await gateway.is_lost.wait()
        assert [gateway.frames.get_nowait() for _ in range(100)] == [DownBeat(n, n) for n in range(100)]
        await connection.close()


async def test_the_link_can_be_opened_again(listen: str) -> None:
    logic = Logic()
    async with serving(listen, link=logic) as server:
        connector = GrpcConnector(server.address, SETTINGS)
        for n in range(3):
            gateway = Gateway()
            connection = await connector.connect(gateway.on_frame, gateway.on_lost)
            logic.send(DownBeat(n, n))
            assert await gateway.frames.get() == DownBeat(n, n)
            logic.end()
            await gateway.is_lost.wait()
            await connection.close()


async def test_a_gateway_that_reads_too_slowly_is_cut(listen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "LinkServer", lambda service: LinkServer(service, limit=10_000))
    logic, gateway = Logic(), Gateway()
    async with serving(listen, link=logic) as server:
        connection = await GrpcConnector(server.address, SETTINGS).connect(gateway.on_frame, gateway.on_lost)
        for _ in range(20):
            logic.send(Kick(["d" * 1000], 4502))
        await gateway.is_lost.wait()
        await logic.is_lost.wait()
        assert gateway.frames.empty()
        await connection.close()
    assert gateway.losses == 1


async def test_a_gateway_whose_own_frames_pile_up_loses_the_link(listen: str) -> None:
    logic, gateway = Logic(), Gateway()
    async with serving(listen, link=logic) as server:
        connector = GrpcConnector(server.address, SETTINGS, limit=10_000)
        connection = await connector.connect(gateway.on_frame, gateway.on_lost)
        for _ in range(20):
            connection.send(SendBatch([ITEM._replace(content="x" * 1000)]))
        await gateway.is_lost.wait()
        await logic.is_lost.wait()
        await connection.close()
    assert gateway.losses == 1


async def test_connecting_to_nobody_is_unavailable(listen: str) -> None:
    gateway = Gateway()
    with pytest.raises(ServiceError) as caught:
        await GrpcConnector(listen, SETTINGS).connect(gateway.on_frame, gateway.on_lost)
    assert caught.value.code is Code.UNAVAILABLE
    assert gateway.losses == 0


async def test_a_wrong_secret_opens_no_link(listen: str) -> None:
    logic, gateway = Logic(), Gateway()
    async with serving(listen, link=logic, settings=Rpc(secret=SecretStr("right-right-right"))) as server:
        connector = GrpcConnector(server.address, Rpc(secret=SecretStr("wrong-wrong-wrong")))
        with pytest.raises(ServiceError, match="secret") as caught:
            await connector.connect(gateway.on_frame, gateway.on_lost)
    assert caught.value.code is Code.UNAVAILABLE
    assert gateway.losses == 0


async def test_a_role_without_a_link_offers_none(listen: str) -> None:
    gateway = Gateway()
    server = RpcServer(listen, [], None, SETTINGS)
    await server.start()
    with pytest.raises(ServiceError):
        await GrpcConnector(server.address, SETTINGS).connect(gateway.on_frame, gateway.on_lost)
    await server.terminate()
