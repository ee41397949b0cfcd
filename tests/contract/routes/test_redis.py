"""Routes in Redis: what any table promises, several logics with one, and Redis stopped, emptied, restarted."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resonance.config.engines import RedisConfig
from resonance.engines.redis.client import RedisClient
from resonance.engines.redis.routes import RedisRoutes
from resonance.ports.routes import Routes
from tests.contract.routes.suite_routes import RoutesSuite, route, until_told
from tests.engines.redis import RedisServer, redis_server

pytestmark = [pytest.mark.redis, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


class Logics:
    """Makes the tables of logics that share one Redis."""

    def __init__(self, server: RedisServer) -> None:
        self._url = server.url
        self._clients: list[RedisClient] = []
        self.renew_prefix()

    def renew_prefix(self) -> None:
        self.prefix = f"test:{secrets.token_hex(6)}:"

    def make(self, lease: float = 60, settle: float = 0) -> RedisRoutes:
        client = RedisClient(RedisConfig(url=self._url, prefix=self.prefix, timeout=0.5))
        self._clients.append(client)
        return RedisRoutes(client, lease, settle)

    async def close(self) -> None:
        for client in self._clients:
            await client.close()


@pytest.fixture
async def logics(server: RedisServer) -> AsyncIterator[Logics]:
    made = Logics(server)
    yield made
    await made.close()


class TestRedisRoutes(RoutesSuite):
    @pytest.fixture(autouse=True)
    async def _in(self, logics: Logics) -> None:
        self._logics = logics

    def make(self, lease: float = 60) -> Routes:
        self._logics.renew_prefix()
        return self._logics.make(lease)


async def test_two_logics_tell_of_a_user_once(logics: Logics) -> None:
    """A gateway that is linked to both announces to both."""
    one, two = logics.make(), logics.make()
    assert (await one.replace("g1", 1, [route("ann", 1)])).online == ["ann"]
    assert (await two.replace("g1", 1, [route("ann", 1)])).online == []
    assert await one.locate(["ann"]) == {"g1": ["ann"]}
    assert await one.routes_of(["ann"]) == {"ann": [("g1", route("ann", 1))]}
    assert (await one.apply("g1", 1, [], [1])).offline == []
    assert (await two.apply("g1", 1, [], [1])).offline == ["ann"]


async def test_a_gateways_newer_epoch_ends_what_other_logics_know_of_the_older_one(logics: Logics) -> None:
    one, two = logics.make(), logics.make()
    await one.replace("g1", 1, [route("ann", 1)])
    assert (await two.replace("g1", 2, [route("bob", 1)])).offline == ["ann"]
    assert await one.locate(["ann", "bob"]) == {"g1": ["bob"]}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from(["open", "close", "drop", "tend"]), st.integers(0, 5)),
        max_size=30,
    )
)
async def test_whatever_logics_do_what_is_told_is_what_changed(
    server: RedisServer, steps: list[tuple[int, str, int]]
) -> None:
    """Every user's changes alternate, and end with what is so."""
    logics = Logics(server)
    tables = [logics.make(), logics.make()]
    live: list[dict[int, str]] = [{}, {}]
    told: dict[str, bool] = {}
    for which, table in enumerate(tables):
        await table.replace(f"g{which}", 1, [])
    for which, step, number in steps:
        user, gateway = f"u{number % 3}", f"g{which}"
        if step == "open":
            live[which].setdefault(number, user)
            change = await tables[which].apply(gateway, 1, [route(user, number)], [])
        elif step == "close":
            live[which].pop(number, None)
            change = await tables[which].apply(gateway, 1, [], [number])
        elif step == "drop":
            live[which].clear()
            change = await tables[which].drop(gateway, 1)
            assert (await tables[which].replace(gateway, 1, [])).online == []
        else:
            change = await tables[which].tend()
        for users, online in ((change.online, True), (change.offline, False)):
            for changed in users:
                assert told.get(changed, False) is not online
                told[changed] = online
    assert {user for user, online in told.items() if online} == {*live[0].values(), *live[1].values()}
    await logics.close()


async def test_exactly_one_logic_ends_the_routes_of_one_that_is_gone(logics: Logics) -> None:
    dead, one, two = logics.make(lease=0.2), logics.make(), logics.make()
    await dead.replace("g1", 1, [route("ann", 1)])
    ended: list[str] = []
    for table in (one, two):
        ended += await until_told(table, lambda change: change.offline, enough=bool(ended))
    assert ended == ["ann"]
    assert await one.locate(["ann"]) == {}


async def test_what_was_lost_by_a_flush_is_written_again_and_nobody_is_told(
    server: RedisServer, logics: Logics
) -> None:
    table = logics.make()
    await table.tend()
    await table.replace("g1", 1, [route("ann", 1), route("bob", 2)])
    server.flush()
    assert await table.locate(["ann"]) is None  # the first look sees that everything is gone
    change = await table.tend()
    assert (change.online, change.offline) == ([], [])
    assert await table.locate(["ann", "bob"]) == {"g1": ["ann", "bob"]}


async def test_a_gateway_may_change_what_was_lost(server: RedisServer, logics: Logics) -> None:
    """Who came and went is told right, though Redis has forgotten who was there."""
    table = logics.make()
    await table.tend()
    await table.replace("g1", 1, [route("ann", 1), route("bob", 2)])
    server.flush()
    change = await table.apply("g1", 1, [route("cid", 3)], [1])
    assert (change.online, change.offline) == (["cid"], ["ann"])
    await table.tend()  # gives the data a new generation
    await table.tend()
    assert await table.locate(["ann", "bob", "cid"]) == {"g1": ["bob", "cid"]}


async def test_while_redis_is_gone_nothing_fails_and_then_everything_is_told(
    server: RedisServer, logics: Logics
) -> None:
    table = logics.make()
    await table.replace("g1", 1, [route("ann", 1), route("bob", 2)])
    await table.replace("g2", 1, [route("dan", 1)])
    server.crash()
    try:
        assert (await table.apply("g1", 1, [route("cid", 3)], [1])).online == []
        await table.drop("g2", 1)
        assert await table.locate(["ann"]) is None
        assert await table.routes_of(["ann", "cid"]) == {"cid": [("g1", route("cid", 3))]}
        assert (await table.tend()).online == []
    finally:
        server.start()
    change = await table.tend()
    assert (change.online, sorted(change.offline)) == (["cid"], ["ann", "dan"])
    await table.tend()
    assert await table.locate(["ann", "bob", "cid", "dan"]) == {"g1": ["bob", "cid"]}


async def test_a_frozen_redis_is_waited_for_once(server: RedisServer, logics: Logics) -> None:
    """What it did without answering is told once it answers, and the first to be told is not told again."""
    table = logics.make()
    await table.replace("g1", 1, [route("ann", 1)])
    server.freeze()
    try:
        assert (await table.apply("g1", 1, [route("bob", 2)], [1])).online == []
        assert await table.locate(["bob"]) is None
    finally:
        server.thaw()
    change = await until_told(table, lambda change: [*change.online, *change.offline])
    assert sorted(change) == ["ann", "bob"]
    assert await table.locate(["ann", "bob"]) == {"g1": ["bob"]}


async def test_a_restart_with_old_data_is_noticed_by_the_first_look(logics: Logics, server: RedisServer) -> None:
    """The data have a generation that is known; that another process answers says that they may be old."""
    table = logics.make()
    await table.tend()
    await table.replace("g1", 1, [route("ann", 1)])
    server.save()
    await table.apply("g1", 1, [route("bob", 2)], [1])
    server.crash()
    server.start()
    assert await table.locate(["ann", "bob"]) is None
    await table.tend()
    await table.tend()
    assert await table.locate(["ann", "bob"]) == {"g1": ["bob"]}


async def test_nobody_is_looked_for_before_others_have_had_the_time_to_write(
    server: RedisServer, logics: Logics
) -> None:
    table = logics.make(settle=60)
    await table.tend()
    await table.replace("g1", 1, [route("ann", 1)])
    assert await table.locate(["ann"]) is None
