"""Routes in this process's memory: the whole truth while one logic serves all gateways."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from resonance.domain.model import Route
from resonance.ports.routes import RouteChange, Routes


@dataclass(slots=True)
class _Gateway:
    """What one gateway holds: its epoch, when its lease ends (monotonic, s), and its connections by number."""

    epoch: int
    ends_at: float
    routes: dict[int, Route] = field(default_factory=dict)


class MemoryRoutes(Routes):
    """A dictionary per gateway, and one from users to where they are."""

    def __init__(self, lease: float = math.inf) -> None:
        """Begin with no routes.

        Args:
            lease: s for which a gateway's routes stay without being renewed.
        """
        self._lease = lease
        self._gateways: dict[str, _Gateway] = {}
        # user -> (gateway, number) of each of the user's connections; a tuple, because nearly everybody has one
        self._users: dict[str, tuple[tuple[str, int], ...]] = {}

    async def replace(self, gateway: str, epoch: int, routes: Sequence[Route]) -> RouteChange:
        known = self._gateways.get(gateway)
        if known is not None and known.epoch > epoch:
            return RouteChange([], [])
        before = set(self._users)
        if known is not None:
            self._remove(gateway, known, list(known.routes))
        table = self._gateways[gateway] = _Gateway(epoch, time.monotonic() + self._lease)
        self._add(gateway, table, routes)
        after = set(self._users)
        return RouteChange(sorted(after - before), sorted(before - after))

    async def apply(self, gateway: str, epoch: int, opened: Sequence[Route], closed: Sequence[int]) -> RouteChange:
        table = self._gateways.get(gateway)
        if table is None or table.epoch != epoch:
            return RouteChange([], [])
        online = self._add(gateway, table, opened)
        offline = self._remove(gateway, table, closed)
        return RouteChange(online, offline)

    async def drop(self, gateway: str, epoch: int) -> RouteChange:
        table = self._gateways.get(gateway)
        if table is None or table.epoch != epoch:
            return RouteChange([], [])
        del self._gateways[gateway]
        return RouteChange([], self._remove(gateway, table, list(table.routes)))

    def renew(self, gateway: str, epoch: int) -> None:
        table = self._gateways.get(gateway)
        if table is not None and table.epoch == epoch:
            table.ends_at = time.monotonic() + self._lease

    async def tend(self) -> RouteChange:
        now = time.monotonic()
        lapsed = [(gateway, table.epoch) for gateway, table in self._gateways.items() if table.ends_at <= now]
        offline: list[str] = []
        for gateway, epoch in lapsed:
            offline += (await self.drop(gateway, epoch)).offline
        return RouteChange([], offline)

    async def locate(self, user_ids: Iterable[str]) -> dict[str, list[str]]:
        users = self._users
        located: dict[str, list[str]] = {}
        for user_id in user_ids:
            places = users.get(user_id)
            if places is None:
                continue
            if len(places) == 1:
                located.setdefault(places[0][0], []).append(user_id)
            else:
                for gateway in dict(places):
                    located.setdefault(gateway, []).append(user_id)
        return located

    async def routes_of(self, user_ids: Sequence[str]) -> dict[str, list[tuple[str, Route]]]:
        return {
            user_id: [(gateway, self._gateways[gateway].routes[number]) for gateway, number in self._users[user_id]]
            for user_id in user_ids
            if user_id in self._users
        }

    def _add(self, gateway: str, table: _Gateway, routes: Sequence[Route]) -> list[str]:
        """Add connections; return the users who had none anywhere."""
        online = []
        for route in routes:
            if route.connection in table.routes:
                continue
            table.routes[route.connection] = route
            places = self._users.get(route.user_id, ())
            if not places:
                online.append(route.user_id)
            self._users[route.user_id] = (*places, (gateway, route.connection))
        return online

    def _remove(self, gateway: str, table: _Gateway, connections: Sequence[int]) -> list[str]:
        """Remove connections; return the users who have none left anywhere."""
        offline = []
        for number in connections:
            route = table.routes.pop(number, None)
            if route is None:
                continue
            left = tuple(place for place in self._users[route.user_id] if place != (gateway, number))
            if left:
                self._users[route.user_id] = left
            else:
                del self._users[route.user_id]
                offline.append(route.user_id)
        return offline
