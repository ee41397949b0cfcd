"""Presence: friends are told of who comes and who is really gone, and of nothing in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

import pytest

from resonance.config.engines import StoreConfig
from resonance.domain.errors import Code, ServiceError
from resonance.domain.signals import Presence
from resonance.engines.sqlite.store import SqliteStore
from resonance.logic import presence as module
from resonance.ports.routes import RouteChange
from resonance.ports.store import FriendEdge
from resonance.services.link import RouteAck, RouteDelta
from tests.unit.logic.live import Gateway, Live, caller, route, running

ANN, BOB, CID = route("ann", 1), route("bob", 2), route("cid", 3)
SOON, NEVER = 0.001, 3_600


class Guarded(SqliteStore):
    """A store whose look at friends waits for a gate, or fails once."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, StoreConfig())
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()
        self.broken = False

    async def friend_edges(self, user_ids: Sequence[str]) -> list[FriendEdge]:
        self.asked.set()
        await self.gate.wait()
        if self.broken:
            self.broken = False
            raise ServiceError(Code.STORAGE_UNAVAILABLE)
        return await super().friend_edges(user_ids)

    def hold(self) -> None:
        """Let the next look wait."""
        self.asked.clear()
        self.gate.clear()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Guarded]:
    made = Guarded(tmp_path / "resonance.db")
    await made.start()
    yield made
    made.close()
    await made.join()


async def friends(live: Live) -> Gateway:
    """Return a gateway on which ann, a friend of bob's and cid's, waits to be told; her own coming is told already."""
    await live.people("ann", "bob", "cid", "zoe")
    for name in ("bob", "cid", "zoe"):
        await live.store.request_friend("ann", name, "", True)
    gateway = Gateway("g")
    await gateway.link(live.hub, [ANN, route("zoe", 9)])
    await gateway.until(lambda: bool(gateway.signalled("ann") and gateway.signalled("zoe")))
    gateway.frames.clear()
    return gateway


def seen(gateway: Gateway) -> list[tuple[str, bool]]:
    """Return what ann was told, in order."""
    signals = gateway.signalled("ann")
    return [(signal.user_id, signal.online) for signal in signals if isinstance(signal, Presence)]


def close(gateway: Gateway, *connections: int) -> None:
    gateway.send(RouteDelta(0, [], list(connections)))


async def last_seen(live: Live, user_id: str) -> int:
    [user] = await live.store.users([user_id])
    return user.last_seen_at


async def test_friends_are_told_of_who_comes_and_goes(store: Guarded) -> None:
    async with running(store, presence={"offline_delay": SOON}) as live:
        gateway = await friends(live)
        await gateway.open(BOB)
        await gateway.until(lambda: seen(gateway) == [("bob", True)])
        before = live.clock()
        close(gateway, 2)
        await gateway.until(lambda: seen(gateway) == [("bob", True), ("bob", False)])
        assert before <= await last_seen(live, "bob") <= live.clock()


async def test_who_comes_back_in_time_was_never_gone(store: Guarded) -> None:
    async with running(store, presence={"offline_delay": NEVER}) as live:
        gateway = await friends(live)
        await gateway.open(BOB)
        await gateway.until(lambda: seen(gateway) == [("bob", True)])
        close(gateway, 2)
        await gateway.open()
        [state] = await live.presence.states(["bob"])
        assert (state.online, state.platforms) == (True, ())
        await gateway.open(BOB)
        await gateway.open(CID)
        await gateway.until(lambda: len(seen(gateway)) > 1)
        assert seen(gateway) == [("bob", True), ("cid", True)]


async def test_a_second_connection_is_no_news(store: Guarded) -> None:
    async with running(store, presence={"offline_delay": SOON}) as live:
        gateway = await friends(live)
        await gateway.open(BOB)
        await gateway.open(BOB._replace(connection=4, platform=5))
        close(gateway, 2)
        await gateway.open(CID)
        await gateway.until(lambda: ("cid", True) in seen(gateway))
        assert seen(gateway) == [("bob", True), ("cid", True)]
        [state] = await live.presence.states(["bob"])
        assert (state.online, state.platforms) == (True, (5,))


async def test_who_comes_goes_and_comes_while_others_are_told_is_told_of(store: Guarded) -> None:
    async with running(store, presence={"offline_delay": NEVER}) as live:
        gateway = await friends(live)
        store.hold()
        await gateway.open(CID)
        await store.asked.wait()
        await gateway.open(BOB)
        close(gateway, 2)
        await gateway.open(BOB)
        store.gate.set()
        await gateway.until(lambda: len(seen(gateway)) == 2)
        assert seen(gateway) == [("cid", True), ("bob", True)]


async def test_who_comes_and_goes_unseen_leaves_only_a_trace(store: Guarded) -> None:
    """Nobody was told that they came; that they went would be strange news."""
    async with running(store, presence={"offline_delay": SOON}) as live:
        gateway = await friends(live)
        store.hold()
        await gateway.open(CID)
        await store.asked.wait()
        await gateway.open(BOB)
        close(gateway, 2)
        await gateway.open()
        store.gate.set()
        close(gateway, 3)
        await gateway.until(lambda: ("cid", False) in seen(gateway))
        assert seen(gateway) == [("cid", True), ("cid", False)]
        assert await last_seen(live, "bob") > 0


async def test_a_block_hides_both_ways(store: Guarded) -> None:
    async with running(store, presence={"offline_delay": SOON}) as live:
        gateway = await friends(live)
        await live.friends.set_blocked(caller("bob"), "ann", True)
        await gateway.open(BOB)
        await gateway.open(CID)
        await gateway.until(lambda: ("cid", True) in seen(gateway))
        assert seen(gateway) == [("cid", True)]
        assert [signal for signal in gateway.signalled("bob") if isinstance(signal, Presence)] == []


async def test_a_store_that_fails_for_a_while_ends_nothing(store: Guarded) -> None:
    async with running(store, presence={"offline_delay": SOON}) as live:
        gateway = await friends(live)
        await gateway.open()
        store.broken = True
        store.hold()
        await gateway.open(BOB)
        await store.asked.wait()
        store.gate.set()
        await gateway.open(CID)
        await gateway.until(lambda: ("cid", True) in seen(gateway))


async def test_who_came_and_went_while_the_store_failed_is_told_of_later(
    store: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_AGAIN_S", 0.05)
    async with running(store, presence={"offline_delay": SOON}) as live:
        gateway = await friends(live)
        store.broken = True
        await gateway.open(BOB)
        await gateway.until(lambda: seen(gateway) == [("bob", True)])
        assert not store.broken
        store.broken = True
        close(gateway, 2)
        await gateway.until(lambda: seen(gateway) == [("bob", True), ("bob", False)])
        assert not store.broken


async def test_when_logic_stops_those_online_were_seen_until_then(store: Guarded) -> None:
    async with running(store, presence={"offline_delay": NEVER}) as live:
        gateway = await friends(live)
        await gateway.open(BOB)
        await gateway.until(lambda: seen(gateway) == [("bob", True)])
        before = live.clock()
    assert await last_seen(live, "bob") >= before
    assert await last_seen(live, "cid") == 0


@pytest.mark.parametrize("turns", range(5))
async def test_closing_amid_a_change_ends(store: Guarded, turns: int) -> None:
    """The wake-up and the cancellation may come in one turn of the loop."""
    async with running(store, presence={"offline_delay": NEVER}) as live, asyncio.timeout(5):
        await live.presence.changed(RouteChange([], ["bob"]))
        for _ in range(5):
            await asyncio.sleep(0)
        await live.presence.changed(RouteChange([], []))
        for _ in range(turns):
            await asyncio.sleep(0)
        await live.presence.close()


async def test_logic_stops_also_when_the_store_is_gone(store: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(store, presence={"offline_delay": NEVER}) as live:
        await friends(live)

        async def fail(user_ids: Sequence[str], at: int) -> None:
            raise ServiceError(Code.UNAVAILABLE)

        monkeypatch.setattr(store, "touch_last_seen", fail)
        await live.presence.close()


async def test_states_come_in_the_order_asked_for(store: Guarded) -> None:
    async with running(store) as live:
        gateway = await friends(live)
        await gateway.open(CID)
        await live.store.touch_last_seen(["bob"], 77)
        states = await live.presence.states(["nobody", "cid", "bob"])
        assert [(state.user_id, state.online, state.last_seen_at) for state in states] == [
            ("nobody", False, 0),
            ("cid", True, 0),
            ("bob", False, 77),
        ]


async def test_nobody_is_said_to_be_gone_while_they_may_be_anywhere(
    store: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are looked for again."""
    monkeypatch.setattr(module, "LOOK_AGAIN_S", 0.05)
    async with running(store, presence={"offline_delay": SOON}) as live:
        gateway = await friends(live)
        await gateway.open(BOB)
        await gateway.until(lambda: seen(gateway) == [("bob", True)])
        looked = asyncio.Event()
        locate = live.routes.locate

        async def unknown(user_ids: Iterable[str]) -> dict[str, list[str]] | None:
            if set(user_ids) != {"bob"}:
                return await locate(user_ids)
            looked.set()
            return None

        monkeypatch.setattr(live.routes, "locate", unknown)
        close(gateway, 2)
        for _ in range(2):
            looked.clear()
            await asyncio.wait_for(looked.wait(), 10)
        assert seen(gateway) == [("bob", True)]
        monkeypatch.setattr(live.routes, "locate", locate)
        await gateway.until(lambda: seen(gateway) == [("bob", True), ("bob", False)])


async def test_users_of_a_gateway_that_was_linked_to_others_meanwhile_are_not_gone_for_ever(store: Guarded) -> None:
    """Others were told that they are gone when its lease ended; only who told them can know, and takes it back."""
    async with running(store, presence={"offline_delay": SOON}, rpc={"lease": SOON}) as live:
        ann = await friends(live)
        gateway = Gateway("g2")
        await gateway.link(live.hub, [BOB])
        await ann.until(lambda: seen(ann) == [("bob", True)])
        gateway.cut()
        await ann.until(lambda: seen(ann)[-1] == ("bob", False))
        await gateway.link(live.hub, [BOB, CID], alone=False)
        await ann.until(lambda: {("bob", True), ("cid", True)} <= set(seen(ann)[2:]))
        gateway.send(RouteDelta(1, [], [2], primary=True))
        await ann.until(lambda: seen(ann)[-1] == ("bob", False))
        gateway.send(RouteDelta(2, [BOB], [], primary=False))
        gateway.send(RouteDelta(3, [route("zoe", 9)], [], primary=True))
        await gateway.until(lambda: any(ack.number == 3 for ack in gateway.of(RouteAck)))
        assert seen(ann)[-1] == ("bob", False), "the other one tells, as long as it lives"
