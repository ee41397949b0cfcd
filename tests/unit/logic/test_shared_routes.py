"""Two logics that share their routes in Redis: friends are told of who comes and goes wherever that was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from resonance.config.engines import RedisConfig, StoreConfig
from resonance.domain.signals import Presence
from resonance.engines.redis.client import RedisClient
from resonance.engines.redis.routes import RedisRoutes
from resonance.engines.sqlite.store import SqliteStore
from resonance.services.link import RouteDelta
from tests.engines.redis import RedisServer, redis_server
from tests.unit.logic.live import PATIENCE_S, Gateway, Live, route, running
from tests.unit.logic.test_presence import BOB, CID, SOON, close

pytestmark = [pytest.mark.redis, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as running_server:
        yield running_server


@pytest.fixture
async def logics(server: RedisServer, tmp_path: Path) -> AsyncIterator[list[Live]]:
    """Two logics over one store and one Redis; ann is a friend of bob's and cid's."""
    server.flush()
    store = SqliteStore(tmp_path / "resonance.db", StoreConfig())
    await store.start()
    async with AsyncExitStack() as stack:
        made = []
        for owner in ("first", "second"):
            client = RedisClient(RedisConfig(url=server.url))
            stack.push_async_callback(client.close)
            routes = RedisRoutes(client, 60, settle=0)
            made.append(
                await stack.enter_async_context(running(store, owner, routes, presence={"offline_delay": SOON}))
            )
        await made[0].people("ann", "bob", "cid")
        for name in ("bob", "cid"):
            await store.request_friend("ann", name, "", True)
        yield made
    store.close()
    await store.join()


def seen(*links: Gateway) -> list[tuple[str, bool]]:
    """Return what ann was told of others on all links of her gateway."""
    signals = [signal for link in links for signal in link.signalled("ann")]
    return [(signal.user_id, signal.online) for signal in signals if isinstance(signal, Presence)]


async def test_who_is_connected_through_another_logic_is_not_gone(logics: list[Live]) -> None:
    first, second = logics
    hers = [Gateway("g0"), Gateway("g0")]
    for live, link in zip(logics, hers, strict=True):
        await link.link(live.hub, [route("ann", 1)], alone=live is first)
    one, two = Gateway("g1"), Gateway("g2")
    await one.link(first.hub, [BOB])
    await two.link(second.hub, [BOB])
    await hers[0].until(lambda: ("bob", True) in seen(*hers))
    close(one, BOB.connection)
    await one.open(CID)  # comes behind bob's going
    await hers[0].until(lambda: ("cid", True) in seen(*hers))
    assert ("bob", False) not in seen(*hers)
    close(two, BOB.connection)
    await hers[1].until(lambda: ("bob", False) in seen(*hers))
    assert seen(*hers).count(("bob", False)) == 1


async def test_somebody_who_comes_by_one_logic_and_goes_by_the_other_is_told_of(logics: list[Live]) -> None:
    first = logics[0]
    hers = [Gateway("g0"), Gateway("g0")]
    for live, link in zip(logics, hers, strict=True):
        await link.link(live.hub, [route("ann", 1)], alone=live is first)
    links = [Gateway("g1"), Gateway("g1")]
    for live, link in zip(logics, links, strict=True):
        await link.link(live.hub, [], alone=live is first)
    for number in range(1, 4):
        await links[0].open(BOB)
        await links[1].open(BOB)
        await hers[0].until(lambda number=number: seen(*hers).count(("bob", True)) == number)  # type: ignore[misc]
        close(links[0], BOB.connection)
        close(links[1], BOB.connection)
        await hers[1].until(lambda number=number: seen(*hers).count(("bob", False)) == number)  # type: ignore[misc]


async def test_who_comes_back_through_another_logic_was_never_gone(
    logics: list[Live], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The logic that saw them go looks again before it says so."""
    first, second = logics
    hers = [Gateway("g0"), Gateway("g0")]
    for live, link in zip(logics, hers, strict=True):
        await link.link(live.hub, [route("ann", 1)], alone=live is first)
    one, two = Gateway("g1"), Gateway("g2")
    await one.link(first.hub, [BOB, CID])
    await two.link(second.hub, [])
    await hers[0].until(lambda: {("bob", True), ("cid", True)} <= set(seen(*hers)))
    asked, back = asyncio.Event(), asyncio.Event()
    locate = first.routes.locate

    async def wait(user_ids: Iterable[str]) -> dict[str, list[str]] | None:
        if set(user_ids) == {"bob"}:
            asked.set()
            await back.wait()
        return await locate(user_ids)

    monkeypatch.setattr(first.routes, "locate", wait)
    close(one, BOB.connection)
    async with asyncio.timeout(PATIENCE_S):
        await asked.wait()
    await two.open(BOB)
    back.set()
    close(one, CID.connection)
    await hers[0].until(lambda: ("cid", False) in seen(*hers))
    assert ("bob", False) not in seen(*hers)


async def test_who_is_told_of_a_change_tells_others_whoever_the_gateway_chose(logics: list[Live]) -> None:
    """No other logic is told of it."""
    hers = Gateway("g0")
    await hers.link(logics[1].hub, [route("ann", 1)])
    gateway = Gateway("g1")
    await gateway.link(logics[1].hub, [BOB], alone=False)
    await hers.until(lambda: seen(hers) == [("bob", True)])
    gateway.send(RouteDelta(7, [CID], [], primary=False))
    await hers.until(lambda: seen(hers) == [("bob", True), ("cid", True)])
