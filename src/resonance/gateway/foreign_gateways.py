"""Gateways of other systems that tell logic who is connected to them; each is a link to logic, like one of ours.

What logic pushes down such a link goes nowhere: those gateways are pushed to by services of their own system. Their
users are online, for presence and for deciding whom an offline push is for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping

from resonance.config.settings import Rpc
from resonance.domain.errors import Code, ServiceError, invalid
from resonance.domain.ids import UserId
from resonance.domain.model import Platform, Route
from resonance.services.link import DownFrame, Hello, LinkService, LinkSession, RouteAck, RouteDelta, UpBeat, Welcome

_WELCOME = 0
"""The number of what waits for the welcome; deltas are numbered from 1."""


class Gateway:
    """One gateway, its users as routes of a link. The link is opened by what it tells first, and again when it broke.

    Attributes:
        streams: how many streams it tells by.
        seen: its users who are online, and when it told of each last (seconds UTC).
        silence: after how much of it (seconds), without a stream, it has nobody online any more.

    Args:
        name: never the id of one of our own gateways.
    """

    def __init__(self, name: str, link: LinkService, settings: Rpc, silence: float) -> None:
        self.streams = 0
        self.seen: dict[str, float] = {}
        self.silence = silence
        self._name = name
        self._link = link
        self._settings = settings
        self._routes: dict[str, Route] = {}
        self._session: LinkSession | None = None
        # numbers of the last connection, delta and beat
        self._connection = self._delta = self._beats = 0
        # what callers wait for, by the delta's number
        self._waiting: dict[int, asyncio.Future[None]] = {}
        # when it told something last, and when its last stream ended (None while there is one, or never was)
        self._heard = asyncio.get_running_loop().time()
        self._gone_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def tell(self, online: Mapping[UserId, str], offline: Iterable[UserId]) -> None:
        """Take note of users who came, with their addresses, and of those who went; return when logic knows.

        Raises:
            ServiceError: UNAVAILABLE when logic ends.
        """
        if self.over():
            self._unlink()  # logic forgets those who are left out of the next snapshot
            self._routes.clear()
            self.seen.clear()
        self._heard, self._gone_at = asyncio.get_running_loop().time(), None
        for user in online:
            self.seen.pop(user, None)  # who was confirmed last stands last
            self.seen[user] = time.time()
        opened = [self._route(user, address) for user, address in online.items() if user not in self._routes]
        self._routes |= {route.user_id: route for route in opened}
        closed = [self._forget(route) for user in offline if (route := self._routes.pop(user, None))]
        if self._session is None:
            await self._open()
        elif opened or closed:
            self._delta += 1
            await self._ask(self._session, RouteDelta(self._delta, opened, closed), self._delta)

    def over(self) -> bool:
        """Say whether its users are offline by now: it was silent for too long, or without its stream for a lease."""
        now = asyncio.get_running_loop().time()
        if self._gone_at is not None:
            return now - self._gone_at > self._settings.lease
        return not self.streams and now - self._heard > self.silence

    def cut(self) -> None:
        """Its last stream ended: logic keeps its users for a lease."""
        self._gone_at = asyncio.get_running_loop().time()
        self._unlink()

    def _forget(self, route: Route) -> int:
        """Return the connection of a route that is over."""
        self.seen.pop(route.user_id, None)
        return route.connection

    def _route(self, user_id: str, address: str) -> Route:
        """Return a new connection. It has no device of ours, so logic would have it ended; that is not ours to do."""
        self._connection += 1
        return Route(user_id, self._connection, Platform.UNKNOWN, "", address)

    async def _open(self) -> None:
        """Link, with everybody who is connected."""
        session = self._session = self._link.open(self._take, self._ended)
        self._timer = asyncio.get_running_loop().call_later(self._settings.heartbeat, self._beat)
        hello = Hello(self._name, time.time_ns() // 1_000_000, "", 0, list(self._routes.values()))
        await self._ask(session, hello, _WELCOME)

    async def _ask(self, session: LinkSession, frame: Hello | RouteDelta, number: int) -> None:
        """Send a frame and wait for its answer."""
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            session.receive(frame)
            await waiting
        finally:
            if self._waiting.get(number) is waiting:  # and not of a link that was opened meanwhile
                del self._waiting[number]

    def _beat(self) -> None:
        """Tell logic that the gateway lives, as long as it seems to."""
        if self._session is None:
            return
        if self.over():
            self._unlink()
            return
        self._timer = asyncio.get_running_loop().call_later(self._settings.heartbeat, self._beat)
        self._beats += 1
        self._session.receive(UpBeat(self._beats))

    def _unlink(self) -> None:
        if self._session is not None:
            self._session.lost()
        self._ended()

    def _take(self, frame: DownFrame) -> None:
        """Take what logic says: only what somebody waits for is of use here."""
        number = _WELCOME if isinstance(frame, Welcome) else frame.number if isinstance(frame, RouteAck) else None
        waiting = None if number is None else self._waiting.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _ended(self) -> None:
        """The link is over: nobody will be answered any more."""
        self._session = None
        if self._timer is not None:
            self._timer.cancel()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ServiceError(Code.UNAVAILABLE, "the link to logic has ended: tell it again"))


class Gateways:
    """The gateways of one system that have told something, by their ids.

    Args:
        system: what the system is called.
        silence: see `Gateway`.
    """

    def __init__(self, system: str, link: LinkService, settings: Rpc, silence: float) -> None:
        self._system = system
        self._link = link
        self._settings = settings
        self._silence = silence
        self._known: dict[str, Gateway] = {}

    def named(self, gateway_id: str) -> Gateway:
        """Return a gateway.

        Raises:
            ServiceError: INVALID_ARGUMENT for what is no id.
        """
        if not 1 <= len(gateway_id) <= 128 or not gateway_id.isprintable():
            raise invalid("gateway_id", f"{gateway_id[:80]!r} is no gateway: 1 to 128 printable characters are")
        if gateway_id not in self._known:
            self._known = dict(self.living())
            name = f"{self._system}:{gateway_id}"
            self._known[gateway_id] = Gateway(name, self._link, self._settings, self._silence)
        return self._known[gateway_id]

    def living(self) -> list[tuple[str, Gateway]]:
        """Return those that may have users online, with their ids."""
        return [(gateway_id, gateway) for gateway_id, gateway in self._known.items() if not gateway.over()]
