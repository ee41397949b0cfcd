"""A real listener with a scripted logic behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import pytest
import uvloop
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect

from resonance.config.settings import HttpLimits, Service, WsConfig
from resonance.domain.closes import Close
from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import ConversationId, UserId
from resonance.domain.model import Caller, Entry, Principal, ReadState, Route, SendAnswer, SendItem
from resonance.gateway.server import GatewayServer
from resonance.gateway.ws.doors import Door, Doors
from resonance.gateway.ws.hub import Hub
from resonance.services import LogicServices
from resonance.services.link import Push, PushBatch
from tests.integration.gateway_ws.wire import RawClient


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, LoopFactory]:
    """Run on the loop that servers run on."""
    return {"uvloop": uvloop.new_event_loop}


T = TypeVar("T")
DOORS: tuple[Door, ...] = ()


class ScriptedUplink:
    """Logic as far as connections see it; answers only what a test tells it to."""

    def __init__(self) -> None:
        self.gateway_id = "gw-1"
        self.epoch = 7
        self.store_epoch = "store-1"
        self.connected = True
        self.items: asyncio.Queue[SendItem] = asyncio.Queue()
        self.opened: asyncio.Queue[Route] = asyncio.Queue()
        self.closed: asyncio.Queue[int] = asyncio.Queue()
        self.live: dict[int, Route] = {}
        # what open_route waits for, returns and raises
        self.gate = asyncio.Event()
        self.gate.set()
        self.refusal: Close | None = None
        self.error: ServiceError | None = None
        self.busy = False
        self.late: list[tuple[Any, ...]] = []  # what was put off

    def submit(self, *fields: Any) -> int:
        if self.busy:
            raise ServiceError(Code.BUSY)
        self.ref = getattr(self, "ref", 0) + 1
        self.items.put_nowait(SendItem(self.ref, *fields))
        return self.ref

    def put_off(self, *fields: Any) -> None:
        self.late.append(fields)

    async def open_route(self, route: Route) -> Close | None:
        self.live[route.connection] = route
        self.opened.put_nowait(route)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.refusal

    def close_route(self, connection: int) -> None:
        if self.live.pop(connection, None) is not None:
            self.closed.put_nowait(connection)


class ScriptedMessages:
    """Requests to logic."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.calls: asyncio.Queue[tuple[str, str, int]] = asyncio.Queue()
        self.gate = asyncio.Event()
        self.gate.set()

    async def mark_read(self, caller: Caller, conversation_id: str, seq: int) -> ReadState:
        self.calls.put_nowait((caller.user_id, conversation_id, seq))
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return ReadState(ConversationId(conversation_id), seq or 9, 9, 9 - (seq or 9), moved=True)

    async def typing(self, caller: Caller, conversation_id: str) -> None:
        self.calls.put_nowait((caller.user_id, conversation_id, -1))
        if self.error is not None:
            raise self.error


async def authenticate(token: str) -> Principal:
    """Accept `good-{user}`, optionally with `-{seconds to live}`; and `toy-{user}`, issued to the dialect "toy"."""
    if not token:
        raise ServiceError(Code.UNAUTHENTICATED)
    kind, _, rest = token.partition("-")
    refusals = {"expired": Code.TOKEN_EXPIRED, "revoked": Code.TOKEN_REVOKED, "disabled": Code.USER_DISABLED}
    if kind in refusals:
        raise ServiceError(refusals[kind])
    if kind == "broken":
        raise RuntimeError("a bug in authenticate")
    if kind not in ("good", "toy"):
        raise ServiceError(Code.TOKEN_INVALID)
    user, _, seconds = rest.partition("-")
    ends = int((time.time() + float(seconds or 3600)) * 1000)
    return Principal(Caller(UserId(user), 5, f"device-{user}"), ends, dialect="toy" if kind == "toy" else "")


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The smallest HTTP application."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


class Gateway:
    """A started gateway with what a test needs to drive it."""

    def __init__(self, ws: WsConfig, http: HttpLimits) -> None:
        self.config = ws
        self.uplink = ScriptedUplink()
        self.messages = ScriptedMessages()
        self.hub = Hub(ws)
        doors = Doors(DOORS)
        self.hub.bind(self.uplink, cast(LogicServices, SimpleNamespace(messages=self.messages)), doors)
        service = Service(http_port=0)
        self.server = GatewayServer(app, self.hub, self.uplink, authenticate, service, ws, http, doors)

    @property
    def port(self) -> int:
        return self.server.port

    def url(self, query: str = "") -> str:
        return f"ws://127.0.0.1:{self.port}/ws{query}"

    def answer(self, item: SendItem, seq: int, code: str = "", error: str = "") -> None:
        """Answer one message."""
        self.hub.answers(
            [
                SendAnswer(
                    item.ref,
                    item.connection,
                    1000 + seq,
                    seq,
                    seq,
                    1_700_000_000_123,
                    item.conversation_id,
                    item.client_msg_id,
                    code,
                    error,
                )
            ]
        )

    def push(self, users: list[str], *seqs: int, conversation: str = "c", origins: list[int] | None = None) -> None:
        """Push entries with these seqs."""
        entries = [entry(seq, conversation) for seq in seqs]
        self.hub.push(PushBatch(0, [Push(entries, users, origins or [0] * len(entries))], []))


def entry(seq: int, conversation: str = "c", content: str = "hi") -> Entry:
    """Make an entry."""
    return Entry(conversation, seq, 1000 + seq, "sender", f"key-{seq}", 1, content, "", seq, 1_700_000_000_123)


async def soon(event: Awaitable[T]) -> T:
    """Wait for what has to happen soon; a test of broken code fails instead of hanging."""
    async with asyncio.timeout(10):
        return await event


LoopFactory = Callable[[], asyncio.AbstractEventLoop]
GatewayFactory = Callable[..., Awaitable[Gateway]]


@asynccontextmanager
async def running(ws: WsConfig, http: HttpLimits) -> AsyncIterator[Gateway]:
    """Run a gateway; a callback of the loop that raises fails the test."""
    gateway = Gateway(ws, http)
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    await gateway.server.start()
    try:
        yield gateway
    finally:
        for client in list(RawClient.live):
            await client.close()
        await gateway.server.terminate()
    assert not failures


@pytest.fixture
async def start() -> AsyncIterator[GatewayFactory]:
    """Start gateways with settings of the test's own."""
    async with AsyncExitStack() as stack:

        async def begin(http: HttpLimits | None = None, **ws: Any) -> Gateway:
            return await stack.enter_async_context(running(WsConfig(**ws), http or HttpLimits()))

        yield begin


@pytest.fixture
async def gateway(start: GatewayFactory) -> Gateway:
    """A gateway with default settings."""
    return await start()


Dial = Callable[..., Awaitable[ClientConnection]]


@pytest.fixture
async def dial() -> AsyncIterator[Dial]:
    """Connect a `websockets` client as a user, and read its Ready."""
    async with AsyncExitStack() as stack:

        async def connected(gateway: Gateway, user: str, query: str = "", **options: Any) -> ClientConnection:
            target = gateway.url(f"?token=good-{user}{query}")
            client = await stack.enter_async_context(connect(target, compression=None, **options))
            await client.recv()
            return client

        yield connected
