"""Delivery: the sweep pushes what the fast path could not, once, clamped, and moves the position behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

import pytest

from resonance.config.engines import StoreConfig
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import AppendOutcome, Audience, NewEntry, NewGroup
from resonance.domain.signals import Typing
from resonance.domain.windows import History
from resonance.engines.sqlite.store import SqliteStore
from resonance.logic import delivery as module
from resonance.logic.delivery import SWEEP_AFTER_MS
from resonance.services.delivery import CONSUMERS, SignalTo
from resonance.services.link import Push, PushBatch
from resonance.task.audiences import Audiences
from resonance.task.processors.fanout import Fanout
from tests.unit.logic.live import Gateway, Live, caller, route, running

NAMES = ["ann", "bob", "cid"]


class Forgetful(SqliteStore):
    """A store whose answers to appends get lost while a test wants it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, StoreConfig())
        self.losing = False

    async def append(self, entries: Sequence[NewEntry]) -> AppendOutcome:
        outcome = await super().append(entries)
        if self.losing:
            raise ServiceError(Code.DEADLINE, "no answer in time")
        return outcome


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Forgetful]:
    made = Forgetful(tmp_path / "resonance.db")
    await made.start()
    yield made
    made.close()
    await made.join()


@pytest.fixture
async def live(store: Forgetful) -> AsyncIterator[Live]:
    async with running(store) as made:
        await made.people(*NAMES)
        yield made


async def gateway_of(live: Live, *names: str) -> Gateway:
    gateway = Gateway("g")
    await gateway.link(live.hub, [route(name, number) for number, name in enumerate(names, 1)])
    return gateway


def seqs(gateway: Gateway, name: str) -> list[int]:
    return [entry.seq for entry in gateway.pushed(name)]


async def lose(live: Live, sender: str, chat: str) -> None:
    """Write a message whose commit nobody hears of."""
    assert isinstance(live.store, Forgetful)
    live.store.losing = True
    assert (await live.send(sender, chat)).code == Code.DEADLINE.text
    live.store.losing = False


async def head(live: Live) -> int:
    return (await live.store.outbox(0, 1, 0)).head


async def test_an_append_whose_answer_got_lost_is_pushed_by_the_sweep_once(live: Live) -> None:
    chat = (await live.send("ann", "", to="bob")).conversation_id
    gateway = await gateway_of(live, *NAMES)
    gateway.frames.clear()
    await lose(live, "ann", chat)
    await live.delivery.sweep()
    assert seqs(gateway, "bob") == [], "the fast path has its time first"
    live.ahead_ms = SWEEP_AFTER_MS + 5_000
    for _ in range(2):
        await live.delivery.sweep()
        assert seqs(gateway, "bob") == seqs(gateway, "ann") == [2]
    assert seqs(gateway, "cid") == []


async def test_what_the_fast_path_pushed_is_not_pushed_again(live: Live) -> None:
    gateway = await gateway_of(live, *NAMES)
    chat = (await live.send("ann", "", to="bob")).conversation_id
    await lose(live, "bob", chat)
    await live.send("ann", chat)
    live.ahead_ms = SWEEP_AFTER_MS + 5_000
    await live.delivery.sweep()
    assert sorted(seqs(gateway, "bob")) == [1, 2, 3]


async def test_a_system_entry_is_pushed_by_task_to_those_who_see_it_and_not_by_the_sweep(live: Live) -> None:
    gateway = await gateway_of(live, *NAMES)
    before = (await live.store.outbox(2**62, 1, 0)).head
    group = NewGroup("g", members=("bob",), history=History.SINCE_JOIN)
    chat = (await live.conversations.create_group(caller("ann"), group)).conversation.id
    await live.conversations.add_members(caller("ann"), chat, ["cid"])
    await live.conversations.remove_member(caller("ann"), chat, "bob")
    live.ahead_ms = SWEEP_AFTER_MS + 5_000
    await live.delivery.sweep()
    assert seqs(gateway, "ann") == []
    events = (await live.store.outbox(before, 100, 0)).events
    fanout = Fanout(live.store, live.delivery, Audiences(live.store))
    await fanout.process([event for event in events if event.kind in fanout.kinds])
    assert (seqs(gateway, "ann"), seqs(gateway, "cid")) == ([1, 2, 3], [2, 3])
    assert seqs(gateway, "bob") == []


async def test_a_sweep_goes_on_to_the_end(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SWEEP_PAGE", 2)
    chat = (await live.send("ann", "", to="bob")).conversation_id
    gateway = await gateway_of(live, *NAMES)
    gateway.frames.clear()
    for _ in range(5):
        await lose(live, "ann", chat)
    live.ahead_ms = SWEEP_AFTER_MS + 5_000
    await live.delivery.sweep()
    assert seqs(gateway, "bob") == [2, 3, 4, 5, 6]


async def test_a_new_logic_begins_behind_what_there_is(live: Live) -> None:
    chat = (await live.send("ann", "", to="bob")).conversation_id
    await lose(live, "ann", chat)
    async with running(live.store) as successor:
        gateway = await gateway_of(successor, *NAMES)
        gateway.frames.clear()
        assert successor.delivery.position == await head(live)
        successor.ahead_ms = SWEEP_AFTER_MS + 5_000
        await successor.delivery.sweep()
        assert gateway.of(PushBatch) == []


async def test_the_position_is_where_both_sweep_and_task_have_been(live: Live) -> None:
    """Task pushes to large conversations and signals: a gateway was not given what task has still to do."""
    await live.send("ann", "", to="bob")
    live.ahead_ms = SWEEP_AFTER_MS + 5_000
    end = await head(live)
    for done in (0, 1, end, end + 5):
        await live.store.commit_position("receipts", end)
        await live.store.commit_position("task", done)
        await live.delivery.sweep()
        assert live.delivery.position == min(done, end)


async def test_everybodys_conversation_is_left_to_task(live: Live) -> None:
    world = await live.store.ensure_open("world", "World")
    gateway = await gateway_of(live, *NAMES)
    gateway.frames.clear()
    await live.send("ann", world.id)
    live.ahead_ms = SWEEP_AFTER_MS + 5_000
    await live.delivery.sweep()
    assert gateway.of(PushBatch) == []


async def test_task_pushes_to_each_what_their_window_shows(live: Live) -> None:
    gateway = await gateway_of(live, *NAMES)
    gateway.frames.clear()
    chat = (await live.send("ann", "", to="bob")).conversation_id
    for _ in range(3):
        await live.send("ann", chat)
    gateway.frames.clear()
    entries = await live.store.entries(chat, 1, 4)
    audience = [Audience("ann", 1, None, 0), Audience("bob", 3, None, 0), Audience("cid", 1, 2, 0)]
    await live.delivery.deliver_entries(entries, [*audience, Audience("dan", 1, None, 0)])
    assert {name: seqs(gateway, name) for name in NAMES} == {"ann": [1, 2, 3, 4], "bob": [3, 4], "cid": [1, 2]}
    gateway.frames.clear()
    await live.delivery.deliver_entries(entries, [Audience("bob", 5, None, 0)])
    await live.delivery.deliver_entries([], audience)
    assert gateway.frames == []


async def test_a_push_has_no_hole(live: Live) -> None:
    """Gateways see from where a push begins whether an entry before it is lacking, and look for none inside."""
    gateway = await gateway_of(live, *NAMES)
    chat = (await live.send("ann", "", to="bob")).conversation_id
    for _ in range(2):
        await live.send("ann", chat)
    gateway.frames.clear()
    first, _, third = await live.store.entries(chat, 1, 3)
    with pytest.raises(AssertionError):
        await live.delivery.deliver_entries([first, third], [Audience("bob", 1, None, 0)])
    assert gateway.frames == []


async def test_one_push_serves_all_who_see_everything(live: Live) -> None:
    chat = (await live.send("ann", "", to="bob")).conversation_id
    gateway = await gateway_of(live, *NAMES)
    gateway.frames.clear()
    entries = await live.store.entries(chat, 1, 1)
    await live.delivery.deliver_entries(entries, [Audience(name, 1, None, 0) for name in NAMES])
    [batch] = gateway.of(PushBatch)
    assert batch.pushes == [Push(entries, NAMES, [0])]


async def test_signals_go_to_those_online_but_not_where_they_came_from(live: Live) -> None:
    gateways = [Gateway("g1"), Gateway("g2")]
    for gateway in gateways:
        await gateway.link(live.hub, [route("ann", 1), route("bob", 2)])
        gateway.frames.clear()
    signal = Typing("c", "ann")
    await live.delivery.signal([SignalTo(signal, ["ann", "cid"])], ("g2", 1))
    numbers = [push.except_connection for gateway in gateways for push in gateway.of(PushBatch)[0].signals]
    assert [gateway.signalled("ann") for gateway in gateways] == [[signal], [signal]]
    assert numbers == [0, 1]
    assert gateways[0].signalled("bob") == []
    assert await live.delivery.offline(["cid", "ann", "bob"]) == ["cid"]


async def test_the_position_waits_for_every_consumer_whose_work_is_delivered(live: Live) -> None:
    """A gateway that was told of a position is never given again what lies before it, receipts included."""
    await live.send("ann", "", to="bob")
    live.ahead_ms = SWEEP_AFTER_MS + 5_000
    head = (await live.store.outbox(2**62, 1, 0)).head
    for done, consumer in enumerate(CONSUMERS, 1):
        await live.store.commit_position(consumer, head)
        await live.delivery.sweep()
        assert (live.delivery.position == head) == (done == len(CONSUMERS))


async def test_a_clock_that_goes_back_does_not_stop_the_sweep(live: Live) -> None:
    chat = (await live.send("ann", "", to="bob")).conversation_id
    gateway = await gateway_of(live, *NAMES)
    gateway.frames.clear()
    await lose(live, "ann", chat)
    live.ahead_ms = -3_600_000
    for _ in range(2):
        await live.delivery.sweep()
    assert seqs(gateway, "bob") == [2]


async def test_when_nobody_knows_where_users_are_every_gateway_is_told(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They push to those whom they hold; for a notification, only who is surely here counts as online."""
    chat = (await live.send("ann", "", to="bob")).conversation_id
    gateways = [Gateway("g1"), Gateway("g2")]
    for gateway, name in zip(gateways, ("ann", "bob"), strict=True):
        await gateway.link(live.hub, [route(name, 1)])

    async def unknown(user_ids: Iterable[str]) -> None:
        return None

    monkeypatch.setattr(live.routes, "locate", unknown)
    await live.send("ann", chat)
    await live.delivery.signal([SignalTo(Typing(chat, "ann"), ["bob"])])
    for gateway in gateways:
        await gateway.until(lambda gateway=gateway: bool(gateway.signalled("bob")))  # type: ignore[misc]
        assert seqs(gateway, "bob") == [2]
    assert await live.delivery.offline(["ann", "cid"]) == ["cid"]
