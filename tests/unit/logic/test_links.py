"""Links: routes by snapshot and deltas, refusals, epochs, leases, and the two lost wake-ups."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from resonance.config.engines import StoreConfig
from resonance.domain.closes import Close
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import DeviceState, NewGroup, Route
from resonance.engines.sqlite.store import SqliteStore
from resonance.logic import delivery
from resonance.services.link import DownBeat, Kick, RouteDelta, RouteRefusal, UpBeat, Welcome
from tests.unit.logic.live import Gateway, Live, caller, route, running

ANN, BOB, CID = route("ann", 1), route("bob", 2), route("cid", 3)
_real_sleep = asyncio.sleep


class Guarded(SqliteStore):
    """A store whose look at devices waits for a gate, or fails."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, StoreConfig())
        self.gate = asyncio.Event()
        self.gate.set()
        self.looked = asyncio.Event()
        self.broken = False

    async def device_states(self, device_ids: list[str]) -> dict[str, str]:  # type: ignore[override]
        self.looked.set()
        await self.gate.wait()
        if self.broken:
            raise ServiceError(Code.STORAGE_UNAVAILABLE)
        return await super().device_states(device_ids)


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Guarded]:
    made = Guarded(tmp_path / "resonance.db")
    await made.start()
    yield made
    made.close()
    await made.join()


@pytest.fixture
async def live(guarded: Guarded) -> AsyncIterator[Live]:
    async with running(guarded) as made:
        await made.people("ann", "bob", "cid")
        yield made


async def online(live: Live) -> dict[str, list[str]]:
    """Return who is on which gateway."""
    located = await live.routes.locate(["ann", "bob", "cid"])
    assert located is not None
    return {gateway: sorted(users) for gateway, users in located.items()}


async def head(live: Live) -> int:
    return (await live.store.outbox(0, 1, 0)).head


# ---------------------------------------------------------------- snapshot and deltas


async def test_a_snapshot_and_deltas_make_the_routes(live: Live) -> None:
    gateway = Gateway("g")
    welcome = await gateway.link(live.hub, [ANN])
    assert welcome == Welcome(live.hub.store_epoch, 0, False, [])
    assert (await gateway.open(BOB, CID)).refused == []
    assert await online(live) == {"g": ["ann", "bob", "cid"]}
    gateway.send(RouteDelta(99, [], [1, 2]))
    await gateway.until(lambda: gateway.frames[-1] == (99, []))
    assert await online(live) == {"g": ["cid"]}


async def test_a_snapshot_replaces_what_was_known_before(live: Live) -> None:
    gateway = Gateway("g")
    await gateway.link(live.hub, [ANN, BOB])
    gateway.cut()
    await gateway.link(live.hub, [BOB, CID])
    assert await online(live) == {"g": ["bob", "cid"]}


async def test_connections_of_devices_that_are_over_are_refused(live: Live) -> None:
    await live.end_device("bob")
    await live.store.close_devices("cid", [], DeviceState.KICKED)
    stranger = Route("ann", 4, 0, "no-such-device", "")
    expected = [
        RouteRefusal(2, Close.LOGGED_OUT.number),
        RouteRefusal(3, Close.KICKED.number),
        RouteRefusal(4, Close.TOKEN_INVALID.number),
    ]
    snapshot, deltas = Gateway("snapshot"), Gateway("deltas")
    assert (await snapshot.link(live.hub, [ANN, BOB, CID, stranger])).refused == expected
    await deltas.link(live.hub, [])
    assert (await deltas.open(ANN, BOB, CID, stranger)).refused == expected


async def test_a_kick_goes_to_every_gateway(live: Live) -> None:
    gateways = [Gateway("g1"), Gateway("g2")]
    for gateway in gateways:
        await gateway.link(live.hub, [])
    await live.links.kick(["device-ann"], Close.LOGGED_OUT)
    await live.links.kick([], Close.LOGGED_OUT)
    for gateway in gateways:
        assert gateway.of(Kick) == [Kick(["device-ann"], Close.LOGGED_OUT.number)]


async def test_a_link_whose_routes_cannot_be_taken_is_ended(live: Live, guarded: Guarded) -> None:
    """A gateway must not wait for an ack that never comes: it links again."""
    gateway = Gateway("g")
    await gateway.link(live.hub, [])
    guarded.broken = True
    gateway.send(RouteDelta(1, [ANN], []))
    await gateway.until(lambda: gateway.ended)


# ---------------------------------------------------------------- epochs, heartbeats, leases


async def test_a_newer_run_of_a_gateway_takes_over(live: Live) -> None:
    old, new = Gateway("g"), Gateway("g")
    await old.link(live.hub, [ANN], epoch=1)
    await new.link(live.hub, [BOB], epoch=2)
    assert old.ended
    old.send(RouteDelta(1, [CID], []))
    assert (await new.open()).refused == []
    assert await online(live) == {"g": ["bob"]}


async def test_an_older_run_of_a_gateway_is_turned_away(live: Live) -> None:
    old, new = Gateway("g"), Gateway("g")
    await new.link(live.hub, [BOB], epoch=2)
    with pytest.raises(IndexError):
        await old.link(live.hub, [ANN], epoch=1)
    assert old.ended
    assert not new.ended
    assert await online(live) == {"g": ["bob"]}


async def test_a_run_whose_clock_went_back_is_taken_once_the_one_before_is_gone(live: Live) -> None:
    before, after = Gateway("g"), Gateway("g")
    await before.link(live.hub, [ANN], epoch=9)
    before.cut()
    while live.links.sessions:  # noqa: ASYNC110 - until logic has noticed
        await asyncio.sleep(0)
    await after.link(live.hub, [BOB], epoch=3)
    await after.open(CID)
    assert await online(live) == {"g": ["bob", "cid"]}


async def test_a_link_on_whose_routes_logic_fails_is_ended(
    live: Live, guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Gateway("g")
    await gateway.link(live.hub, [ANN])
    monkeypatch.setattr(guarded, "device_states", lambda _: 1 // 0)
    gateway.send(RouteDelta(1, [BOB], []))
    await gateway.until(lambda: gateway.ended)


async def test_a_beat_is_answered_and_silence_ends_the_link(guarded: Guarded) -> None:
    async with running(guarded, rpc={"heartbeat": 0.01}) as live:
        gateway = Gateway("g")
        await gateway.link(live.hub, [])
        gateway.send(UpBeat(7))
        assert gateway.frames[-1] == DownBeat(7, live.delivery.position)
        await gateway.until(lambda: gateway.ended)


class Leases:
    """In place of `asyncio.sleep`: a lease lasts until the test ends it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._running: list[asyncio.Future[None]] = []
        self._began = asyncio.Event()

    async def sleep(self, delay: float) -> None:
        if delay != self._seconds:
            await _real_sleep(delay)
            return
        self._running.append(asyncio.get_running_loop().create_future())
        self._began.set()
        await self._running[-1]

    async def begun(self, number: int) -> None:
        """Wait until so many leases have begun."""
        while len(self._running) < number:
            self._began.clear()
            await self._began.wait()

    async def end(self, number: int) -> None:
        """End a lease and let its session finish."""
        self._running[number].set_result(None)
        for _ in range(5):
            await _real_sleep(0)


async def test_routes_outlast_a_lost_link_by_the_lease(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    leases = Leases(live.settings.rpc.lease)
    monkeypatch.setattr(asyncio, "sleep", leases.sleep)
    gateway = Gateway("g")
    await gateway.link(live.hub, [ANN])
    gateway.cut()
    await leases.begun(1)
    assert await online(live) == {"g": ["ann"]}
    await leases.end(0)
    assert await online(live) == {}


async def test_a_gateway_that_came_back_keeps_its_routes(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    leases = Leases(live.settings.rpc.lease)
    monkeypatch.setattr(asyncio, "sleep", leases.sleep)
    gateway = Gateway("g")
    await gateway.link(live.hub, [ANN])
    gateway.cut()
    await leases.begun(1)
    await gateway.link(live.hub, [ANN])
    await leases.end(0)
    assert await online(live) == {"g": ["ann"]}


async def test_a_lease_begins_anew_with_every_loss(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lease of an earlier loss must not end that of a later one."""
    leases = Leases(live.settings.rpc.lease)
    monkeypatch.setattr(asyncio, "sleep", leases.sleep)
    gateway = Gateway("g")
    for number in (1, 2):
        await gateway.link(live.hub, [ANN])
        gateway.cut()
        await leases.begun(number)
    await leases.end(0)
    assert await online(live) == {"g": ["ann"]}
    await leases.end(1)
    assert await online(live) == {}


async def test_what_a_lost_link_still_had_to_say_is_void(live: Live, guarded: Guarded) -> None:
    """The next snapshot knows better: a connection opened and closed meanwhile would stay for ever."""
    gateway = Gateway("g")
    await gateway.link(live.hub, [])
    guarded.gate.clear()
    guarded.looked.clear()
    gateway.send(RouteDelta(1, [ANN], []))
    await guarded.looked.wait()
    gateway.send(RouteDelta(2, [BOB], []))
    gateway.cut()
    linking = asyncio.create_task(gateway.link(live.hub, [CID]))
    await asyncio.sleep(0)
    guarded.gate.set()
    await linking
    await gateway.open()
    assert await online(live) == {"g": ["cid"]}


# ---------------------------------------------------------------- the lost wake-ups


@pytest.mark.parametrize("seed", range(8))
async def test_what_is_written_while_somebody_connects_is_synced_or_pushed(live: Live, seed: int) -> None:
    """A client syncs after its route is acknowledged; what was committed before is in the sync, the rest is pushed."""
    rng = random.Random(seed)
    chat = (await live.send("ann", "", to="bob")).conversation_id
    gateway = Gateway("g")
    await gateway.link(live.hub, [])
    synced: set[int] = set()

    async def connect() -> None:
        for _ in range(rng.randint(0, 60)):
            await asyncio.sleep(0)
        await gateway.open(BOB)
        end = (await live.messages.heads(caller("bob"), [chat]))[chat]
        synced.update(range(1, end + 1))

    async def write() -> None:
        for _ in range(8):
            await live.send("ann", chat)

    await asyncio.gather(connect(), write())
    pushed = [entry.seq for entry in gateway.pushed("bob")]
    assert pushed == sorted(pushed)
    assert synced | set(pushed) == set(range(1, 10))


async def cut_off(live: Live) -> tuple[Gateway, str, int]:
    """Return a gateway that lost its link, a group on it, and the position up to which it was given everything."""
    view = await live.conversations.create_group(caller("ann"), NewGroup("g", members=("bob",)))
    gateway = Gateway("g")
    await gateway.link(live.hub, [ANN, BOB, CID])
    gateway.cut()
    return gateway, view.conversation.id, await head(live)


async def test_what_was_written_while_a_gateway_was_cut_off_is_pushed_again(live: Live) -> None:
    gateway, chat, position = await cut_off(live)
    missed = [(await live.send(name, chat)).seq for name in ("ann", "bob", "ann")]
    assert gateway.pushed("bob") == []
    welcome = await gateway.link(live.hub, [ANN, BOB, CID], position=position)
    await gateway.until(lambda: len(gateway.pushed("bob")) == 3)
    assert not welcome.resync
    assert [entry.seq for entry in gateway.pushed("bob")] == missed
    assert [entry.seq for entry in gateway.pushed("ann")] == missed
    assert gateway.pushed("cid") == []


async def change(live: Live, chat: str, patch: pytest.MonkeyPatch) -> None:
    await live.conversations.add_members(caller("ann"), chat, ["cid"])


async def write_too_much(live: Live, chat: str, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(delivery, "REPLAY_LIMIT", 2)
    for _ in range(3):
        await live.send("ann", chat)


async def prune(live: Live, chat: str, patch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        await live.send("ann", chat)
    await live.store.commit_position("task", await head(live))
    await live.store.prune(1, 0, 1_000)


@pytest.mark.parametrize("happen", [change, write_too_much, prune])
async def test_what_cannot_be_pushed_again_is_synced(
    live: Live, happen: Callable[..., asyncio.Future[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signals are not kept, too much is not repeated, and what was pruned is gone."""
    gateway, chat, position = await cut_off(live)
    await happen(live, chat, monkeypatch)
    await gateway.link(live.hub, [ANN, BOB], position=position)
    await gateway.until(lambda: gateway.of(Welcome)[-1].resync)
    assert gateway.pushed("bob") == []


async def test_after_a_restore_everybody_syncs(live: Live) -> None:
    """A position of another store means nothing here."""
    gateway, _, position = await cut_off(live)
    assert (await gateway.link(live.hub, [ANN], store_epoch="before", position=position)).resync


async def test_a_gateway_without_clients_has_missed_nothing(live: Live) -> None:
    gateway, chat, _ = await cut_off(live)
    await live.conversations.add_members(caller("ann"), chat, ["cid"])
    assert not (await gateway.link(live.hub, [], store_epoch="before")).resync
    await gateway.open()
    assert len(gateway.of(Welcome)) == 2


async def test_a_heartbeat_renews_the_gateways_lease(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    renewed: list[tuple[str, int]] = []
    monkeypatch.setattr(live.routes, "renew", lambda gateway, epoch: renewed.append((gateway, epoch)))
    gateway = Gateway("g")
    await gateway.link(live.hub, [route("ann", 1)], epoch=7)
    assert renewed == []
    gateway.send(UpBeat(1))
    assert renewed == [("g", 7)]
