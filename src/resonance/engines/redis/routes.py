"""Routes in Redis: one table for all logics.

What a logic announces stands there under its own name, so the writes of two logics cannot undo one another: a gateway
that is linked to several is there several times, and gone when none of them holds it. Each logic keeps what it
announces in memory as well. From that it is written again when Redis was away or has lost its data, which shows by
another process that answers, or another `generation`; until all logics have had the time to do so, nobody knows where
users are.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from resonance.domain.model import Route
from resonance.engines.redis import scripts
from resonance.engines.redis.client import Argument, Gone, RedisClient, Script
from resonance.ports.routes import RouteChange, Routes

SETTLE_S = 3.0
"""How long other logics have for writing again what Redis has lost: they look every second."""
REPLACE_PATIENCE = 5
"""A snapshot may take this many times as long as other calls."""
REAPED_AT_ONCE = 4
"""Gateways whose routes are ended by one script: it keeps others from Redis meanwhile."""

_NOTHING = RouteChange([], [])


@dataclass(slots=True)
class _Announced:
    """A gateway as this logic knows it.

    Attributes:
        heard: whether it has shown that it lives since that was last written.
        dirty: whether Redis may hold something else.
        written: when dirty, the users of what was last known to be written.
        gone: whether it was dropped, which is still to be written.
    """

    epoch: int
    routes: dict[int, Route] = field(default_factory=dict)
    heard: bool = False
    dirty: bool = False
    written: set[str] = field(default_factory=set)
    gone: bool = False

    def soil(self) -> None:
        """Take note, before a change, that Redis may hold something else from now on."""
        if not self.dirty:
            self.dirty = True
            self.written = {route.user_id for route in self.routes.values()}

    def change(self, opened: Sequence[Route], closed: Sequence[int]) -> None:
        """Add routes, then remove connections."""
        for route in opened:
            self.routes.setdefault(route.connection, route)
        for number in closed:
            self.routes.pop(number, None)


class RedisRoutes(Routes):
    """The table, as one logic writes and reads it."""

    shared = True

    def __init__(self, client: RedisClient, lease: float, settle: float = SETTLE_S) -> None:
        """Begin with nothing announced.

        Args:
            lease: s for which a gateway's routes stay without being renewed.
            settle: s for which nobody is looked for after Redis has come back.
        """
        self._client = client
        self._lease_ms = max(1, round(lease * 1000))
        self._settle = settle
        self._logic = secrets.token_hex(8)
        self._own: dict[str, _Announced] = {}
        self._lock = asyncio.Lock()  # what is announced is written in the order in which it came
        self._seen: tuple[str, str] | None = None  # the server process and the generation that answered last
        self._losses = 0
        self._unknown_until = 0.0
        self._replace = client.script(scripts.REPLACE)
        self._apply = client.script(scripts.APPLY)
        self._tend = client.script(scripts.TEND)
        self._locate = client.script(scripts.LOCATE)
        self._routes_of = client.script(scripts.ROUTES_OF)

    # ------------------------------------------------------------ what is announced

    async def replace(self, gateway: str, epoch: int, routes: Sequence[Route]) -> RouteChange:
        async with self._lock:
            own = self._own.get(gateway)
            if own is None:
                own = self._own[gateway] = _Announced(epoch)
            elif own.epoch > epoch and not own.gone:
                return _NOTHING
            own.soil()
            own.epoch, own.gone, own.heard = epoch, False, True
            own.routes = {}
            own.change(routes, [])
            return await self._write(gateway, own)

    async def apply(self, gateway: str, epoch: int, opened: Sequence[Route], closed: Sequence[int]) -> RouteChange:
        async with self._lock:
            own = self._own.get(gateway)
            if own is None or own.epoch != epoch or own.gone:
                return _NOTHING
            change = None if own.dirty else await self._write_delta(gateway, own, opened, closed)
            own.change(opened, closed)
            return await self._write(gateway, own) if change is None else change

    async def drop(self, gateway: str, epoch: int) -> RouteChange:
        async with self._lock:
            own = self._own.get(gateway)
            if own is None or own.epoch != epoch or own.gone:
                return _NOTHING
            own.soil()
            own.routes, own.gone = {}, True
            return await self._write(gateway, own)

    def renew(self, gateway: str, epoch: int) -> None:
        own = self._own.get(gateway)
        if own is not None and own.epoch == epoch:
            own.heard = True

    async def _write(self, gateway: str, own: _Announced) -> RouteChange:
        """Write all that is announced of a gateway; leave that to `tend` when Redis is gone."""
        lease = 0 if own.gone else self._lease_ms
        arguments: list[Argument] = [gateway, self._logic, own.epoch, lease, len(own.written), *own.written]
        arguments += _flat(own.routes.values())
        try:
            generation, online, offline = await self._client.call(self._replace, arguments, patience=REPLACE_PATIENCE)
        except Gone:
            return _NOTHING
        self._see(generation)
        own.dirty, own.written = False, set()
        if own.gone:
            del self._own[gateway]
        return RouteChange(online, offline)

    async def _write_delta(
        self, gateway: str, own: _Announced, opened: Sequence[Route], closed: Sequence[int]
    ) -> RouteChange | None:
        """Write a change; None when everything has to be written, for Redis is gone or has lost what is changed."""
        arguments = [gateway, self._logic, own.epoch, len(closed), *closed, *_flat(opened)]
        try:
            generation, *told = await self._client.call(self._apply, arguments)
        except Gone:
            own.soil()
            return None
        self._see(generation)
        if told and not own.dirty:
            return RouteChange(*told)
        self._ended(own)
        return None

    # ------------------------------------------------------------ keeping house

    async def tend(self) -> RouteChange:
        if not await self._client.probe():
            return _NOTHING
        async with self._lock:
            online, offline = await self._renew_and_reap()
            for gateway, own in list(self._own.items()):
                if own.dirty:
                    change = await self._write(gateway, own)
                    online += change.online
                    offline += change.offline
            return RouteChange(online, offline)

    async def _renew_and_reap(self) -> tuple[list[str], list[str]]:
        """Renew the leases of gateways that live, and end what is over, whose ever it is."""
        heard = {f"{gateway}/{self._logic}": own for gateway, own in self._own.items() if own.heard and not own.dirty}
        arguments: list[Argument] = [self._lease_ms, REAPED_AT_ONCE]
        for owner, own in heard.items():
            arguments += (owner, own.epoch)
        try:
            generation, online, offline, lost = await self._client.call(self._tend, arguments)
        except Gone:
            return [], []
        self._see(generation)
        for owner, own in heard.items():
            if owner in lost:
                self._ended(own)
            own.heard = own.dirty
        return online, offline

    def _ended(self, own: _Announced) -> None:
        """Redis does not have this gateway: if nothing else was lost, others were told that its users are offline."""
        if not own.dirty:
            own.dirty, own.written = True, set()

    def _see(self, generation: str) -> None:
        """Take note of whose answer that was; of another Redis, or of one that has lost its data, nothing is known."""
        seen = (self._client.run, generation)
        if seen != self._seen:
            self._seen = seen
            for own in self._own.values():
                own.soil()
            self._settle_anew()
        elif self._client.losses != self._losses:  # others may have been unable to write
            self._settle_anew()

    def _settle_anew(self) -> None:
        self._losses = self._client.losses
        self._unknown_until = asyncio.get_running_loop().time() + self._settle

    # ------------------------------------------------------------ looking

    async def locate(self, user_ids: Iterable[str]) -> dict[str, list[str]] | None:
        users = list(user_ids)
        if not users:
            return {}
        found = await self._look(self._locate, users)
        if found is None:
            return None
        located: dict[str, list[str]] = {}
        for user_id, places in zip(users, found, strict=True):
            for gateway in {place.rsplit("/", 2)[0]: None for place in places}:
                located.setdefault(gateway, []).append(user_id)
        return located

    async def routes_of(self, user_ids: Sequence[str]) -> dict[str, list[tuple[str, Route]]]:
        found = await self._look(self._routes_of, user_ids) if user_ids else []
        if found is None:
            return self._own_routes_of(set(user_ids))
        answer = {}
        for user_id, flat in zip(user_ids, found, strict=True):
            if flat:
                answer[user_id] = _routes(user_id, dict(zip(flat[::2], flat[1::2], strict=True)))
        return answer

    async def _look(self, script: Script, users: Sequence[str]) -> list[list[str]] | None:
        """Return what is found of each of the users, or None when Redis does not know."""
        if self._is_unknown():
            return None
        try:
            generation, found = await self._client.call(script, users)
        except Gone:
            return None
        self._see(generation)
        return None if self._is_unknown() else found

    def _is_unknown(self) -> bool:
        return (
            not self._client.up
            or asyncio.get_running_loop().time() < self._unknown_until
            or any(own.dirty for own in self._own.values())
        )

    def _own_routes_of(self, users: set[str]) -> dict[str, list[tuple[str, Route]]]:
        """Return what was announced to this logic."""
        answer: dict[str, list[tuple[str, Route]]] = {}
        for gateway, own in self._own.items():
            for route in own.routes.values():
                if route.user_id in users:
                    answer.setdefault(route.user_id, []).append((gateway, route))
        return answer


def _flat(routes: Iterable[Route]) -> list[Argument]:
    """Return routes as scripts take them: connection, user, the rest."""
    flat: list[Argument] = []
    for route in routes:
        rest = json.dumps([route.platform, route.device_id, route.address])
        flat += (route.connection, route.user_id, rest)
    return flat


def _routes(user_id: str, places: dict[str, str]) -> list[tuple[str, Route]]:
    """Return a user's routes, each once, whoever announced it."""
    routes = {}
    for place, rest in places.items():
        gateway, number, _ = place.rsplit("/", 2)
        platform, device, address = json.loads(rest)
        routes[gateway, number] = (gateway, Route(user_id, int(number), platform, device, address))
    return [routes[place] for place in sorted(routes)]
