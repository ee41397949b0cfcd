"""What every engine of the routes port promises; an engine's test file inherits this class and makes the engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resonance.domain.model import Route
from resonance.ports.routes import RouteChange, Routes


def route(user: str, connection: int) -> Route:
    """Return a live connection of a user."""
    return Route(user, connection, 5, f"device-{user}", "127.0.0.1")


PATIENCE_S = 20.0


async def until_told(table: Routes, what: Callable[[RouteChange], list[str]], *, enough: bool = False) -> list[str]:
    """Keep house until somebody is told of; when that is `enough` already, once."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        told = what(await table.tend())
        if told or enough:
            return told
        assert time.monotonic() < deadline, "nobody was told of"
        await asyncio.sleep(0.02)


class RoutesSuite:
    """Subclasses say how to make an empty table."""

    def make(self, lease: float = 60) -> Routes:
        """Return an empty table, whose gateways live for `lease` seconds without being renewed."""
        raise NotImplementedError

    async def test_only_the_first_connection_makes_a_user_online(self) -> None:
        """Friends are told once, not per device."""
        routes = self.make()
        await routes.replace("g1", 1, [])
        assert (await routes.apply("g1", 1, [route("ann", 1)], [])).online == ["ann"]
        assert (await routes.apply("g1", 1, [route("ann", 2)], [])).online == []

    async def test_only_the_last_connection_makes_a_user_offline(self) -> None:
        routes = self.make()
        await routes.replace("g1", 1, [route("ann", 1)])
        await routes.replace("g2", 1, [route("ann", 1)])
        assert (await routes.apply("g1", 1, [], [1])).offline == []
        assert (await routes.apply("g2", 1, [], [1])).offline == ["ann"]

    async def test_a_snapshot_replaces_what_was_known(self) -> None:
        """A restarted gateway must not leave routes of its former self."""
        routes = self.make()
        await routes.replace("g1", 1, [route("ann", 1), route("bob", 2)])
        change = await routes.replace("g1", 2, [route("bob", 7)])
        assert change.offline == ["ann"]
        assert await routes.locate(["ann", "bob"]) == {"g1": ["bob"]}

    async def test_an_older_epoch_changes_nothing(self) -> None:
        """A delta that was under way when the gateway restarted must not undo the new snapshot."""
        routes = self.make()
        await routes.replace("g1", 2, [route("ann", 1)])
        await routes.replace("g1", 1, [])
        await routes.apply("g1", 1, [], [1])
        await routes.drop("g1", 1)
        assert await routes.locate(["ann"]) == {"g1": ["ann"]}

    async def test_a_dropped_gateway_takes_its_users_along(self) -> None:
        routes = self.make()
        await routes.replace("g1", 1, [route("ann", 1), route("ann", 2)])
        assert (await routes.drop("g1", 1)).offline == ["ann"]
        assert await routes.locate(["ann"]) == {}

    async def test_routes_of_tells_platforms_and_devices(self) -> None:
        routes = self.make()
        await routes.replace("g1", 1, [route("ann", 1)])
        assert await routes.routes_of(["ann", "bob"]) == {"ann": [("g1", route("ann", 1))]}

    async def test_who_is_not_renewed_ends(self) -> None:
        """One gateway lives on, the other one's users are told of once."""
        routes = self.make(lease=0.5)
        await routes.replace("g1", 1, [route("ann", 1)])
        await routes.replace("g2", 1, [route("ann", 1), route("bob", 2)])

        def tended(change: RouteChange) -> list[str]:
            routes.renew("g1", 1)
            return change.offline

        assert await until_told(routes, tended) == ["bob"]
        assert await routes.locate(["ann", "bob"]) == {"g1": ["ann"]}
        assert (await routes.tend()).offline == []

    async def test_an_older_epoch_renews_nothing(self) -> None:
        routes = self.make(lease=0.3)
        await routes.replace("g1", 2, [route("ann", 1)])

        def tended(change: RouteChange) -> list[str]:
            routes.renew("g1", 1)
            return change.offline

        assert await until_told(routes, tended) == ["ann"]

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    @given(
        st.lists(
            st.tuples(st.sampled_from(["open", "close", "drop", "snapshot"]), st.integers(0, 1), st.integers(0, 5)),
            max_size=40,
        )
    )
    async def test_locate_equals_a_plain_list_of_connections(self, steps: list[tuple[str, int, int]]) -> None:
        """Whatever happens, a user is found exactly on the gateways where it has a connection."""
        routes = self.make()
        live: dict[str, dict[int, str]] = {"g0": {}, "g1": {}}
        epochs = {"g0": 1, "g1": 1}
        for gateway in live:
            await routes.replace(gateway, 1, [])
        for step, which, number in steps:
            gateway, user = f"g{which}", f"u{number % 3}"
            table = live[gateway]
            if step == "open":
                table[number] = user
                await routes.apply(gateway, epochs[gateway], [route(user, number)], [])
            elif step == "close":
                table.pop(number, None)
                await routes.apply(gateway, epochs[gateway], [], [number])
            elif step == "drop":
                table.clear()
                await routes.drop(gateway, epochs[gateway])
                epochs[gateway] += 1
                await routes.replace(gateway, epochs[gateway], [])
            else:
                epochs[gateway] += 1
                await routes.replace(gateway, epochs[gateway], [route(u, n) for n, u in table.items()])
        located = await routes.locate(["u0", "u1", "u2"])
        assert located is not None
        expected = {gateway: sorted(set(table.values())) for gateway, table in live.items() if table}
        assert {gateway: sorted(users) for gateway, users in located.items()} == expected
