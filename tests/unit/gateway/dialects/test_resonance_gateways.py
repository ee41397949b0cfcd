"""Gateways of Resonance's own as links to logic: what they tell becomes routes, whatever becomes of the link."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from resonance._proto.logic.v1 import presence_pb2 as pb
from resonance.config.settings import Rpc
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Route
from resonance.gateway.dialects.resonance.gateways import SILENCE_S, tell
from resonance.gateway.foreign_gateways import Gateways
from resonance.services.link import (
    DownFrame,
    Hello,
    LinkService,
    LinkSession,
    PushBatch,
    RouteAck,
    RouteDelta,
    UpBeat,
    UpFrame,
    Welcome,
)


class Session(LinkSession):
    """Logic's end, which keeps what is online and answers at once, unless it is told to be silent."""

    def __init__(self, link: Link, send: Callable[[DownFrame], None], end: Callable[[], None]) -> None:
        self.link = link
        self.end = end
        self._send = send
        self.routes: dict[int, Route] = {}
        self.beats = 0
        self.beaten = asyncio.Event()
        self.gone = asyncio.Event()

    @property
    def users(self) -> set[str]:
        return {route.user_id for route in self.routes.values()}

    def receive(self, frame: UpFrame) -> None:
        answer: DownFrame | None = None
        if isinstance(frame, Hello):
            self.link.name = frame.gateway
            self.routes = {route.connection: route for route in frame.routes}
            answer = Welcome("epoch", 0, True, [])
        elif isinstance(frame, RouteDelta):
            self.routes |= {route.connection: route for route in frame.opened}
            for connection in frame.closed:
                del self.routes[connection]
            answer = RouteAck(frame.number, [])
        elif isinstance(frame, UpBeat):
            self.beats += 1
            self.beaten.set()
        if answer is not None and not self.link.silent:
            self._send(PushBatch(1, [], []))  # means nothing here
            self._send(answer)

    def lost(self) -> None:
        self.gone.set()


class Link(LinkService):
    """Logic."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.silent = False
        self.name = ""

    def open(self, send: Callable[[DownFrame], None], end: Callable[[], None]) -> LinkSession:
        self.sessions.append(Session(self, send, end))
        return self.sessions[-1]


def online(*names: str) -> list[pb.UserOnline]:
    return [pb.UserOnline(username=name, remote_ip="192.0.2.7") for name in names]


def offline(*names: str) -> list[pb.UserOffline]:
    return [pb.UserOffline(username=name) for name in names]


def known_by(link: Link, **settings: float) -> Gateways:
    return Gateways("resonance", link, Rpc(**settings), SILENCE_S)


@pytest.fixture
def link() -> Link:
    return Link()


async def test_users_come_and_go(link: Link) -> None:
    gateway = known_by(link).named("gw-1")
    await tell(gateway, online("ann", "bob"), [])
    await tell(gateway, online("ann", "cid"), offline("bob", "nobody"))
    (session,) = link.sessions
    assert session.users == {"ann", "cid"}
    assert {route.address for route in session.routes.values()} == {"192.0.2.7"}
    assert link.name == "resonance:gw-1", "a gateway of ours may be called gw-1"
    gateway.cut()


async def test_a_name_that_is_none_changes_nothing(link: Link) -> None:
    gateway = known_by(link).named("gw-1")
    with pytest.raises(ServiceError) as refused:
        await tell(gateway, online("ann", "b c"), [])
    assert refused.value.field == "username"
    assert link.sessions == []


async def test_after_a_broken_link_everybody_is_told_again(link: Link) -> None:
    gateway = known_by(link).named("gw-1")
    await tell(gateway, online("ann"), [])
    link.sessions[0].end()
    await tell(gateway, online("bob"), [])
    assert link.sessions[1].users == {"ann", "bob"}
    gateway.cut()
    assert [session.gone.is_set() for session in link.sessions] == [False, True]


async def test_who_waits_for_a_link_that_ends_is_told(link: Link) -> None:
    gateway = known_by(link).named("gw-1")
    link.silent = True
    waiting = asyncio.create_task(tell(gateway, online("ann"), []))
    await asyncio.sleep(0)
    link.sessions[0].end()
    with pytest.raises(ServiceError) as refused:
        await waiting
    assert refused.value.code is Code.UNAVAILABLE


async def test_a_link_is_kept_alive_until_the_gateway_was_silent(link: Link) -> None:
    known = known_by(link, heartbeat=0.01)
    gateway = known.named("gw-1")
    await tell(gateway, online("ann"), [])
    (session,) = link.sessions
    session.beaten.clear()
    await session.beaten.wait()
    gateway.silence = 0.0
    async with asyncio.timeout(10):
        await session.gone.wait()
    await tell(gateway, online("bob"), [])
    assert link.sessions[1].users == {"bob"}, "whom it told of before the silence is offline"
    gateway.cut()


async def test_a_gateway_that_is_over_is_forgotten(link: Link) -> None:
    known = known_by(link, lease=1e-9)
    gateway = known.named("gw-1")
    await tell(gateway, online("ann"), [])
    gateway.cut()
    known.named("gw-2")
    assert known.named("gw-1") is not gateway


@pytest.mark.parametrize("gateway_id", ["", "x" * 129, "a\n"])
def test_what_is_no_gateway(link: Link, gateway_id: str) -> None:
    with pytest.raises(ServiceError) as refused:
        known_by(link).named(gateway_id)
    assert refused.value.field == "gateway_id"
