"""Two logics over one store: each pushes what it has committed, and one repeats what the other has left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from resonance.domain.model import NewGroup
from resonance.domain.signals import Presence
from resonance.logic.delivery import SWEEP_AFTER_MS
from resonance.services.link import CaughtUp, Missed, RouteAck, RouteDelta, Welcome
from tests.unit.logic.live import Gateway, Live, caller, route, running
from tests.unit.logic.test_delivery import Forgetful, lose, seqs

ROUTES = [route("ann", 1), route("bob", 2)]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Forgetful]:
    made = Forgetful(tmp_path / "resonance.db")
    await made.start()
    yield made
    made.close()
    await made.join()


@pytest.fixture
async def first(store: Forgetful) -> AsyncIterator[Live]:
    async with running(store, "first") as live:
        await live.people("ann", "bob", "cid")
        yield live


@pytest.fixture
async def second(store: Forgetful, first: Live) -> AsyncIterator[Live]:
    async with running(store, "second") as live:
        yield live


async def linked(live: Live, *, alone: bool) -> Gateway:
    """Return a gateway's link with ann's and bob's connections."""
    gateway = Gateway("g")
    await gateway.link(live.hub, ROUTES, alone=alone)
    gateway.frames.clear()
    return gateway


async def head(live: Live) -> int:
    return (await live.store.outbox(0, 1, 0)).head


async def missed(gateway: Gateway, position: int, *, signals: bool) -> None:
    """Ask for what another logic may have left behind, and wait until it was sent."""
    gateway.send(Missed(7, position, signals))
    await gateway.until(lambda: CaughtUp(7) in gateway.frames)


async def test_each_sweeps_for_its_own_commits(first: Live, second: Live) -> None:
    chat = (await first.send("ann", "", to="bob")).conversation_id
    by_first, by_second = await linked(first, alone=True), await linked(second, alone=False)
    await lose(first, "ann", chat)
    for live in (first, second):
        live.ahead_ms = SWEEP_AFTER_MS + 5_000
        for _ in range(2):
            await live.delivery.sweep()
    assert seqs(by_first, "bob") == [2]
    assert seqs(by_second, "bob") == []
    assert second.delivery.position <= await head(second)


async def test_what_another_logic_left_behind_is_pushed_when_a_gateway_asks(first: Live, second: Live) -> None:
    chat = (await first.send("ann", "", to="bob")).conversation_id
    gateway = await linked(second, alone=False)
    position = await head(first)
    await lose(first, "ann", chat)
    await missed(gateway, position, signals=True)
    assert seqs(gateway, "bob") == seqs(gateway, "ann") == [2]
    assert gateway.of(Welcome) == []


async def test_signals_that_may_be_lacking_are_synced_if_asked_for(first: Live, second: Live) -> None:
    group = await first.conversations.create_group(caller("ann"), NewGroup("Tea", members=("bob",)))
    gateway = await linked(second, alone=False)
    position = await head(first)
    await first.conversations.add_members(caller("ann"), group.conversation.id, ["cid"])
    await missed(gateway, position, signals=False)
    assert gateway.of(Welcome) == []
    gateway.frames.clear()
    await missed(gateway, position, signals=True)
    assert [welcome.resync for welcome in gateway.of(Welcome)] == [True]


async def test_who_is_linked_to_others_lacks_only_what_this_logic_did(first: Live, second: Live) -> None:
    """A logic that joins does not repeat everything, nor have everybody sync."""
    chat = (await first.send("ann", "", to="bob")).conversation_id
    await first.conversations.create_group(caller("ann"), NewGroup("Tea", members=("bob",)))
    await second.send("ann", chat)
    await first.send("ann", chat)
    gateway = Gateway("g")
    await gateway.link(second.hub, ROUTES, alone=False)
    await missed(gateway, await head(second), signals=True)  # comes behind the catching up
    assert seqs(gateway, "bob") == [2]
    assert not any(welcome.resync for welcome in gateway.of(Welcome))


async def test_who_was_linked_before_is_given_everything_since(first: Live, second: Live) -> None:
    """Also what others committed: task may have pushed it through this logic, which had no way to the gateway."""
    chat = (await first.send("ann", "", to="bob")).conversation_id
    position = await head(second)
    await first.send("ann", chat)
    gateway = Gateway("g")
    await gateway.link(second.hub, ROUTES, alone=False, position=position)
    await gateway.until(lambda: seqs(gateway, "bob") == [2])


@pytest.mark.parametrize("primary", [True, False])
async def test_one_of_them_tells_who_came(store: Forgetful, primary: bool) -> None:
    """Who comes later, and is told of in any case, says that the others were not."""
    async with running(store) as live:
        await live.people("ann", "bob", "cid")
        for name in ("bob", "cid"):
            await store.request_friend("ann", name, "", True)
        gateway = Gateway("g")
        await gateway.link(live.hub, ROUTES[:1], alone=False)
        gateway.send(RouteDelta(1, ROUTES[1:], [], primary))
        await gateway.until(lambda: any(ack.number == 1 for ack in gateway.of(RouteAck)))
        gateway.send(RouteDelta(2, [route("cid", 3)], [], primary=True))
        await gateway.until(lambda: any(signal.user_id == "cid" for signal in told(gateway)))
        assert ("bob" in {signal.user_id for signal in told(gateway)}) == primary


def told(gateway: Gateway) -> list[Presence]:
    """Return what ann was told about others, in order."""
    return [signal for signal in gateway.signalled("ann") if isinstance(signal, Presence)]
