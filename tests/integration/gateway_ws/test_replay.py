"""Replays: what is given to clients that come back and ask for nothing, and in which order."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from resonance.config.settings import HttpLimits, WsConfig
from resonance.domain.closes import Close
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Caller, Entry
from resonance.gateway.ws import given, replay
from resonance.gateway.ws.doors import Doors
from resonance.services import LogicServices
from resonance.services.link import Push, PushBatch
from tests.integration.gateway_ws import conftest, wire
from tests.integration.gateway_ws.conftest import Gateway, running, soon
from tests.integration.gateway_ws.test_doors import ToyCodec, ToyDoor, said


class ReplayingCodec(ToyCodec):
    """The toy dialect, for clients that ask for nothing."""

    replays = True

    def push(self, entry: Entry) -> bytes:
        return self._write("push", [entry.conversation_id, entry.seq])


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def entry(seq: int, conversation: str = "c", at: int | None = None, sender: str = "bob", content: str = "hi") -> Entry:
    return Entry(conversation, seq, seq, sender, f"{seq}", 1, content, "", seq, now_ms() if at is None else at)


class Logs:
    """Logic, as a replay asks it; `gate` holds its answers back."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.read: dict[str, int] = {}
        self.login = now_ms() - 60_000
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()
        self.hung = ""  # a conversation that is never read
        self.error: Exception | None = None

    async def devices(self, caller: Caller) -> list[Any]:
        return [SimpleNamespace(id=caller.device_id, created_at=self.login)]

    async def page(self, caller: Caller, cursor: str, limit: int, with_last: bool) -> Any:
        self.asked.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        logs = {e.conversation_id: e for e in self.entries}
        views = [
            SimpleNamespace(
                conversation=SimpleNamespace(id=name),
                member=SimpleNamespace(read_seq=self.read.get(name, 0)),
                last_entry=last,
            )
            for name, last in logs.items()
        ]
        return SimpleNamespace(items=views, cursor="")

    async def history(self, caller: Caller, conversation_id: str, before_seq: int, limit: int) -> Any:
        if conversation_id == self.hung:
            await asyncio.Event().wait()
        found = [e for e in self.entries if e.conversation_id == conversation_id]
        return SimpleNamespace(entries=found[-limit:])


@pytest.fixture
async def toys(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Gateway, Logs]]:
    """A gateway with the dialect, and the logic behind it."""
    monkeypatch.setattr(conftest, "DOORS", (ToyDoor("toy", ReplayingCodec()),))
    async with running(WsConfig(high_water=65_536, low_water=4096), HttpLimits()) as gateway:
        logs = Logs()
        services = SimpleNamespace(messages=logs, conversations=logs, accounts=logs)
        gateway.hub.bind(gateway.uplink, cast(LogicServices, services), Doors(conftest.DOORS))
        yield gateway, logs


def dial(gateway: Gateway) -> Any:
    return connect(gateway.url("?token=good-ann&dialect=toy"))


async def heard(client: Any, number: int) -> list[Any]:
    """Return what so many pushes say."""
    return [(await said(client))["push"] for _ in range(number)]


async def settled(gateway: Gateway, client: Any) -> None:
    """Wait until it is proven that a client has what was written to it."""
    (record,) = gateway.hub._given._records.values()
    record.proven, record.asked = False, 0
    async with asyncio.timeout(10):
        while not record.proven:
            gateway.hub._look_after(gateway.hub._registry.by_user["ann"][0])
            await client.send('{"what":1}')
            assert "fault" in await said(client)


async def nothing_more(client: Any) -> None:
    """See that no push is on its way."""
    await client.send('{"what":1}')
    assert "fault" in await said(client)


def push(gateway: Gateway, *entries: Entry, origin: int = 0) -> None:
    gateway.hub.push(PushBatch(0, [Push(list(entries), ["ann"], [origin] * len(entries))], []))


async def test_what_is_pushed_meanwhile_comes_behind_what_was_missed(toys: tuple[Gateway, Logs]) -> None:
    gateway, logs = toys
    logs.entries = [entry(1), entry(2), entry(3)]
    logs.gate.clear()
    async with dial(gateway) as client:
        assert await said(client) == {"hello": "ann"}
        await soon(logs.asked.wait())
        push(gateway, logs.entries[2])
        push(gateway, entry(4))
        push(gateway, entry(1, "other"))
        logs.gate.set()
        got = await heard(client, 5)
        assert [seq for name, seq in got if name == "c"] == [1, 2, 3, 4]
        push(gateway, entry(4))  # again
        push(gateway, entry(5))
        assert await heard(client, 1) == [["c", 5]]


async def test_what_the_client_sends_waits_for_the_end(toys: tuple[Gateway, Logs]) -> None:
    gateway, logs = toys
    logs.gate.clear()
    async with dial(gateway) as client:
        await said(client)
        await soon(logs.asked.wait())
        await client.send('{"say":"one"}')
        await client.send('{"say":"two"}')
        assert gateway.uplink.items.empty()
        logs.gate.set()
        assert [(await soon(gateway.uplink.items.get())).content for _ in range(2)] == ["one", "two"]


async def test_only_the_last_minutes_and_nothing_read_or_of_ones_own(toys: tuple[Gateway, Logs]) -> None:
    gateway, logs = toys
    logs.login = now_ms() - given.RECENT_MS * 2
    old, recent = now_ms() - given.RECENT_MS - 1000, now_ms() - given.RECENT_MS + 60_000
    logs.entries = [entry(1, at=old), entry(2, at=recent), entry(3), entry(4, sender="ann"), entry(5)]
    logs.entries += [entry(1, "d", at=old), entry(2, "d", at=recent)]
    logs.read = {"c": 2}
    async with dial(gateway) as client:
        await said(client)
        assert await heard(client, 3) == [["d", 2], ["c", 3], ["c", 5]]


async def test_nothing_of_before_the_login(toys: tuple[Gateway, Logs]) -> None:
    gateway, logs = toys
    logs.entries = [entry(1)]
    logs.login = now_ms() + 1000
    async with dial(gateway) as client:
        await said(client)
        await client.send('{"what":1}')
        assert "fault" in await said(client)


async def test_the_gateway_remembers_when_a_device_left(toys: tuple[Gateway, Logs]) -> None:
    """So what was pushed before is not repeated, read or not."""
    gateway, logs = toys
    logs.entries = [entry(1, at=now_ms() - 30_000)]
    async with dial(gateway) as client:
        await said(client)
        assert await heard(client, 1) == [["c", 1]]
        await settled(gateway, client)
    await soon(gateway.uplink.closed.get())
    logs.entries.append(entry(2))
    async with dial(gateway) as client:
        await said(client)
        assert await heard(client, 1) == [["c", 2]]


async def test_a_second_connection_is_given_what_the_first_may_have_lost(toys: tuple[Gateway, Logs]) -> None:
    """Its client has lost the first one, though nobody here knows it yet."""
    gateway, logs = toys
    async with dial(gateway) as first:
        await said(first)
        await soon(first.ping())
        logs.entries = [entry(1)]
        push(gateway, logs.entries[0])
        async with dial(gateway) as second:
            await said(second)
            assert await heard(second, 1) == [["c", 1]]


async def test_a_replay_is_no_more_than_half_of_what_a_client_may_owe(toys: tuple[Gateway, Logs]) -> None:
    gateway, logs = toys
    logs.entries = [entry(seq, f"c{seq}", at=now_ms() - 100 + seq, content="x") for seq in range(1, 51)]
    room = len(ReplayingCodec().push(logs.entries[-1])) * 3
    gateway.hub._replays._room = room
    async with dial(gateway) as client:
        await said(client)
        assert await heard(client, 3) == [["c48", 48], ["c49", 49], ["c50", 50]]


@pytest.mark.parametrize("way", ["too long", "busy", "too much"])
async def test_a_client_that_cannot_be_given_it_now_is_sent_away(
    toys: tuple[Gateway, Logs], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    gateway, logs = toys
    logs.entries = [entry(1)]
    logs.gate.clear()
    if way == "too long":
        monkeypatch.setattr(replay, "TIMEOUT_S", 0.05)
    elif way == "busy":
        logs.error = ServiceError(Code.BUSY)
    async with dial(gateway) as client:
        await said(client)
        await soon(logs.asked.wait())
        if way == "too much":
            gateway.hub._registry.by_user["ann"][0].codec.push.__self__._room = 10  # type: ignore[attr-defined]
            push(gateway, entry(2))
        if way != "too long":
            logs.gate.set()
        if way == "too much":
            assert await heard(client, 1) == [["c", 1]]
        assert await said(client) == {"bye": 4005}
        with pytest.raises(ConnectionClosed):
            await soon(client.recv())
    await soon(gateway.uplink.closed.get())
    logs.error = None
    logs.entries.append(entry(2))
    logs.gate.set()
    async with dial(gateway) as client:
        await said(client)
        got = await heard(client, 2)
        assert got[-1] == ["c", 2]


async def test_a_fault_costs_the_replay_and_not_the_connection(toys: tuple[Gateway, Logs]) -> None:
    gateway, logs = toys
    logs.entries = [entry(1)]
    logs.error = RuntimeError("a bug")
    async with dial(gateway) as client:
        await said(client)
        await soon(logs.asked.wait())
        push(gateway, entry(2))
        assert await heard(client, 1) == [["c", 2]]


async def test_what_a_connection_that_was_ended_meanwhile_was_not_given_is_given_to_the_next(
    toys: tuple[Gateway, Logs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given, "SLACK_MS", 0)
    gateway, logs = toys
    async with dial(gateway) as client:
        await said(client)
    await soon(gateway.uplink.closed.get())
    logs.entries = [entry(1)]
    logs.gate.clear()
    async with dial(gateway) as client:
        assert await said(client) == {"hello": "ann"}
        await soon(logs.asked.wait())
        (connection,) = gateway.hub._registry.by_number.values()
        connection.close(Close.KICKED)
        logs.gate.set()
        await soon(client.wait_closed())
    await soon(gateway.uplink.closed.get())
    async with dial(gateway) as client:
        await said(client)
        assert await heard(client, 1) == [["c", 1]]


async def test_what_was_not_read_in_time_is_given_when_the_client_is_back(
    toys: tuple[Gateway, Logs], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read is written all the same: it need not be read again if it was the reading that took so long."""
    monkeypatch.setattr(replay, "TIMEOUT_S", 0.05)
    gateway, logs = toys
    logs.entries = [entry(1, "d"), entry(1)]
    logs.entries[0] = entry(1, "d", at=now_ms() - 1000)
    logs.hung = "d"
    async with dial(gateway) as client:
        await said(client)
        assert await heard(client, 1) == [["c", 1]]
        assert await said(client) == {"bye": 4005}
    logs.hung = ""
    async with dial(gateway) as client:
        await said(client)
        assert ["d", 1] in await heard(client, 2)


async def test_waiting_for_its_turn_costs_a_client_nothing(
    toys: tuple[Gateway, Logs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "TIMEOUT_S", 0.05)
    gateway, logs = toys
    logs.entries = [entry(1)]
    turns = gateway.hub._replays._turns = asyncio.Semaphore(1)
    await turns.acquire()
    async with dial(gateway) as client:
        await said(client)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):  # longer than a reading may take
                await client.recv()
        turns.release()
        assert await heard(client, 1) == [["c", 1]]


# ------------------------------------------------------------ pushes that lag


async def test_what_was_committed_and_not_pushed_before_the_client_left_is_given(toys: tuple[Gateway, Logs]) -> None:
    """Logic hung, or task was behind: that the entry is older than the parting proves nothing."""
    gateway, logs = toys
    logs.entries = [entry(1)]
    async with dial(gateway) as client:
        await said(client)
        assert await heard(client, 1) == [["c", 1]]
        await settled(gateway, client)
        logs.entries += [entry(2, at=now_ms() - 30_000), entry(1, "d", at=now_ms() - 30_000)]
    await soon(gateway.uplink.closed.get())
    async with dial(gateway) as client:
        await said(client)
        assert sorted(seq for seq in await heard(client, 3) if seq != ["c", 1]) == [["c", 2], ["d", 1]]


async def test_a_late_push_that_a_broken_connection_may_not_have_carried_is_given(
    toys: tuple[Gateway, Logs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given, "SLACK_MS", 0)
    gateway, logs = toys
    async with dial(gateway) as client:
        await said(client)
        await settled(gateway, client)
        logs.entries = [entry(1, at=now_ms() - 30_000)]
        push(gateway, *logs.entries)
        client.transport.abort()
    await soon(gateway.uplink.closed.get())
    async with dial(gateway) as client:
        await said(client)
        assert await heard(client, 1) == [["c", 1]]


async def test_what_a_later_push_has_overtaken_is_given(
    toys: tuple[Gateway, Logs], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when its logic is lost, and another one is asked for it while the client leaves."""
    monkeypatch.setattr(given, "SLACK_MS", 100)
    gateway, logs = toys
    logs.entries = [entry(1, at=now_ms() - 30_000)]
    async with dial(gateway) as client:
        await said(client)
        assert await heard(client, 1) == [["c", 1]]
        logs.entries += [entry(2, at=now_ms() - 20_000), entry(3, at=now_ms() - 20_000)]
        push(gateway, logs.entries[2])
        assert await heard(client, 1) == [["c", 3]]
        await settled(gateway, client)
    await soon(gateway.uplink.closed.get())
    async with dial(gateway) as client:
        await said(client)
        assert await heard(client, 2) == [["c", 2], ["c", 3]]


@pytest.mark.parametrize("way", ["closed", "broken", "sent away"])
async def test_what_has_surely_arrived_is_not_repeated(
    toys: tuple[Gateway, Logs], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Late or not, replayed or pushed."""
    monkeypatch.setattr(given, "SLACK_MS", 0)
    gateway, logs = toys
    logs.entries = [entry(1, at=now_ms() - 30_000)]
    async with dial(gateway) as client:
        await said(client)
        logs.entries += [entry(2, at=now_ms() - 20_000), entry(3)]
        assert await heard(client, 1) == [["c", 1]]
        push(gateway, *logs.entries[1:])
        assert await heard(client, 2) == [["c", 2], ["c", 3]]
        await next_millisecond()
        if way == "sent away":  # its answer says that it has read everything
            gateway.hub._registry.by_user["ann"][0].close(Close.RESYNC)
            await soon(client.wait_closed())
        else:
            await settled(gateway, client)
        if way == "broken":
            client.transport.abort()
    await soon(gateway.uplink.closed.get())
    async with dial(gateway) as client:
        await said(client)
        await nothing_more(client)


async def ponging(gateway: Gateway) -> wire.RawClient:
    """Return a client that has answered the ping behind its replay, and reads only what it is told to."""
    raw = await soon(wire.RawClient.connect(gateway.port))
    raw.send(wire.upgrade("/ws?token=good-ann&dialect=toy"))
    await soon(raw.response())
    await soon(raw.frame())
    await pong(raw)
    return raw


async def pong(raw: wire.RawClient) -> None:
    """Answer the ping that comes next, and wait until that is heard."""
    opcode, stamp = await soon(raw.frame())
    assert opcode == 9
    raw.send(wire.masked(10, stamp))
    raw.send(wire.masked(1, b'{"what":1}'))
    await soon(raw.frame())


@pytest.mark.parametrize("crossing", [False, True])
async def test_a_client_that_closes_has_not_read_what_was_on_its_way(
    toys: tuple[Gateway, Logs], monkeypatch: pytest.MonkeyPatch, crossing: bool
) -> None:
    """It has heard nothing for long, so it closes, perhaps just before it hears that we do; browsers drop the rest."""
    monkeypatch.setattr(given, "SLACK_MS", 0)
    gateway, logs = toys
    raw = await ponging(gateway)
    logs.entries = [entry(1)]
    push(gateway, logs.entries[0])
    await next_millisecond()
    if crossing:
        gateway.hub._registry.by_user["ann"][0].close(Close.RESYNC)
    raw.send(wire.masked(8, (1000).to_bytes(2)))
    await soon(gateway.uplink.closed.get())
    await raw.close()
    async with dial(gateway) as client:
        await said(client)
        assert await heard(client, 1) == [["c", 1]]


async def test_each_of_two_clients_of_a_device_is_given_what_it_has_lost(
    toys: tuple[Gateway, Logs], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two tabs with one token: that the other one has everything helps the one that hung nothing."""
    monkeypatch.setattr(given, "SLACK_MS", 0)
    gateway, logs = toys
    first = await ponging(gateway)
    async with dial(gateway) as second:
        await said(second)
        gateway.hub._look_after(gateway.hub._registry.by_user["ann"][0])
        await pong(first)  # so it lives, though there is a second one
        await next_millisecond()
        logs.entries = [entry(1)]
        push(gateway, logs.entries[0])
        assert await heard(second, 1) == [["c", 1]]
        await confirmed(gateway, second, 1)
        await first.close()
        await soon(gateway.uplink.closed.get())
        async with dial(gateway) as third:
            await said(third)
            assert await heard(third, 1) == [["c", 1]]


async def test_of_two_clients_that_are_gone_the_one_that_lacks_more_may_come_last(
    toys: tuple[Gateway, Logs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given, "SLACK_MS", 0)
    gateway, logs = toys
    hung = await ponging(gateway)
    async with dial(gateway) as other:
        await said(other)
        gateway.hub._look_after(gateway.hub._registry.by_user["ann"][0])
        await pong(hung)
        await next_millisecond()
        logs.entries = [entry(1)]
        push(gateway, logs.entries[0])
        assert await heard(other, 1) == [["c", 1]]
        await confirmed(gateway, other, 1)
    await soon(gateway.uplink.closed.get())
    await hung.close()
    await soon(gateway.uplink.closed.get())
    async with dial(gateway) as other:
        await said(other)
        assert await heard(other, 1) == [["c", 1]], "nobody knows which of the two it is"
        await confirmed(gateway, other, 0)
        async with dial(gateway) as back:
            await said(back)
            assert await heard(back, 1) == [["c", 1]]


async def next_millisecond() -> None:
    """Wait until what is written has another time than what was written before."""
    began = now_ms()
    while now_ms() <= began:  # noqa: ASYNC110 - clocks tell nobody
        await asyncio.sleep(0)


async def confirmed(gateway: Gateway, client: Any, number: int) -> None:
    """Wait until a client has answered another ping on its user's connection of that number."""
    connection = gateway.hub._registry.by_user["ann"][number]
    record = gateway.hub._given._records[connection.number]
    before = record.sure
    await next_millisecond()
    async with asyncio.timeout(10):
        while record.sure == before:
            gateway.hub._look_after(connection)
            await nothing_more(client)


async def test_a_client_that_is_back_before_its_connection_is_gone_is_given_what_came_since(
    toys: tuple[Gateway, Logs], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was closed, and its client has not said good-bye: what was read elsewhere is not lost to it."""
    monkeypatch.setattr(given, "SLACK_MS", 0)
    gateway, logs = toys
    raw = await ponging(gateway)
    gateway.hub._registry.by_user["ann"][0].close(Close.KICKED)
    logs.entries = [entry(1)]
    logs.read = {"c": 1}
    async with dial(gateway) as client:
        await said(client)
        assert await heard(client, 1) == [["c", 1]]
    await raw.close()


async def test_after_a_restore_of_the_store_seqs_say_nothing(toys: tuple[Gateway, Logs]) -> None:
    gateway, logs = toys
    logs.entries = [entry(seq, at=now_ms() - 30_000) for seq in (1, 2)]
    async with dial(gateway) as client:
        await said(client)
        assert len(await heard(client, 2)) == 2
    await soon(gateway.uplink.closed.get())
    gateway.uplink.store_epoch = "restored"
    gateway.hub.resync()
    async with dial(gateway) as client:
        await said(client)
        assert await heard(client, 2) == [["c", 1], ["c", 2]]


async def test_a_ping_that_overtakes_the_replay_proves_nothing(
    toys: tuple[Gateway, Logs], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frames of a tick are written at its end, pings at once."""
    monkeypatch.setattr(given, "SLACK_MS", 0)
    gateway, logs = toys
    logs.entries = [entry(1)]
    async with dial(gateway) as client:
        await said(client)
        assert await heard(client, 1) == [["c", 1]]
        (connection,) = gateway.hub._registry.by_number.values()
        (record,) = gateway.hub._given._records.values()
        record.asked = 0
        connection.send(b"{}")
        gateway.hub._given.ask(connection)
        assert record.asked == 0
        await said(client)
        gateway.hub._given.ask(connection)
        assert record.asked


class Person:
    """A client that keeps what it was given, over any number of connections."""

    def __init__(self) -> None:
        self.has: set[tuple[str, int]] = set()
        self.news = asyncio.Event()
        self._client: Any = None
        self._reader: asyncio.Task[None] | None = None

    async def come(self, gateway: Gateway) -> None:
        self._client = await connect(gateway.url("?token=good-ann&dialect=toy"))
        self._reader = asyncio.create_task(self._read(self._client))

    async def _read(self, client: Any) -> None:
        async for message in client:
            if "push" in (said := json.loads(message)):
                self.has.add(tuple(said["push"]))
                self.news.set()

    async def go(self) -> None:
        """Break the connection. What has arrived is read all the same: a pong may have said so."""
        assert self._reader is not None
        self._client.transport.abort()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def until(self, wanted: set[tuple[str, int]]) -> None:
        try:
            async with asyncio.timeout(10):
                while self.has < wanted:
                    self.news.clear()
                    await self.news.wait()
        except TimeoutError:
            raise AssertionError(f"it was never given {sorted(wanted - self.has)}") from None


@pytest.mark.parametrize("turn", range(10))
async def test_whatever_happens_everything_is_given_in_the_end(
    toys: tuple[Gateway, Logs], turn: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pushes come late, out of order or never; connections break at any moment."""
    # or all of this would be too young to count as given; it also allows for what is on its way, so nobody closes
    monkeypatch.setattr(given, "SLACK_MS", 0)
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}, turn {turn}")
    rng, (gateway, logs), person = random.Random(seed), toys, Person()
    held: list[Entry] = []
    for _ in range(rng.randint(2, 6)):
        await person.come(gateway)
        for _ in range(rng.randint(0, 12)):
            chance = rng.random()
            if chance < 0.6:
                name = rng.choice("cd")
                new = entry(sum(e.conversation_id == name for e in logs.entries) + 1, name)
                logs.entries.append(new)
                if rng.random() < 0.7:
                    push(gateway, new)
                else:
                    held.append(new)
            elif chance < 0.8 and held:
                push(gateway, held.pop(rng.randrange(len(held))))
            elif chance < 0.9 and held:
                held.pop()  # its logic is dead
            elif (there := gateway.hub._registry.by_user.get("ann")) and chance < 0.95:
                gateway.hub._look_after(there[0])
            for _ in range(rng.randint(0, 3)):
                await asyncio.sleep(0)
        await person.go()
        if rng.random() < 0.5:
            await soon(gone(gateway))
    await person.come(gateway)
    await person.until({(e.conversation_id, e.seq) for e in logs.entries})
    await person.go()


async def gone(gateway: Gateway) -> None:
    """Wait until the gateway has noticed that nobody is there."""
    while gateway.hub._registry.by_user:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0)
