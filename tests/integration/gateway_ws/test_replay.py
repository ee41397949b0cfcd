"""Replays: what is given to clients that come back and ask for nothing, and in which order."""

from __future__ import annotations

import asyncio
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
from resonance.gateway.ws import replay
from resonance.gateway.ws.doors import Doors
from resonance.services import LogicServices
from resonance.services.link import Push, PushBatch
from tests.integration.gateway_ws import conftest
from tests.integration.gateway_ws.conftest import Gateway, running
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


def push(gateway: Gateway, *entries: Entry, origin: int = 0) -> None:
    gateway.hub.push(PushBatch(0, [Push(list(entries), ["ann"], [origin] * len(entries))], []))


async def test_what_is_pushed_meanwhile_comes_behind_what_was_missed(toys: tuple[Gateway, Logs]) -> None:
    gateway, logs = toys
    logs.entries = [entry(1), entry(2), entry(3)]
    logs.gate.clear()
    async with dial(gateway) as client:
        assert await said(client) == {"hello": "ann"}
        await logs.asked.wait()
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
        await logs.asked.wait()
        await client.send('{"say":"one"}')
        await client.send('{"say":"two"}')
        assert gateway.uplink.items.empty()
        logs.gate.set()
        assert [(await gateway.uplink.items.get()).content for _ in range(2)] == ["one", "two"]


async def test_only_the_last_minutes_and_nothing_read_or_of_ones_own(toys: tuple[Gateway, Logs]) -> None:
    gateway, logs = toys
    logs.login = now_ms() - replay.RECENT_MS * 2
    old, recent = now_ms() - replay.RECENT_MS - 1000, now_ms() - replay.RECENT_MS + 60_000
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
    await gateway.uplink.closed.get()
    logs.entries.append(entry(2))
    async with dial(gateway) as client:
        await said(client)
        assert await heard(client, 1) == [["c", 2]]


async def test_a_second_connection_is_given_what_the_first_may_have_lost(toys: tuple[Gateway, Logs]) -> None:
    """Its client has lost the first one, though nobody here knows it yet."""
    gateway, logs = toys
    async with dial(gateway) as first:
        await said(first)
        await first.ping()
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
        await logs.asked.wait()
        if way == "too much":
            gateway.hub._registry.by_user["ann"][0].codec.push.__self__._room = 10  # type: ignore[attr-defined]
            push(gateway, entry(2))
        if way != "too long":
            logs.gate.set()
        assert await said(client) == {"bye": 4005}
        with pytest.raises(ConnectionClosed):
            await client.recv()
    await gateway.uplink.closed.get()
    logs.error = None
    logs.gate.set()
    async with dial(gateway) as client:
        await said(client)
        assert await heard(client, 1) == [["c", 1]]


async def test_a_fault_costs_the_replay_and_not_the_connection(toys: tuple[Gateway, Logs]) -> None:
    gateway, logs = toys
    logs.entries = [entry(1)]
    logs.error = RuntimeError("a bug")
    async with dial(gateway) as client:
        await said(client)
        await logs.asked.wait()
        push(gateway, entry(2))
        assert await heard(client, 1) == [["c", 2]]


async def test_what_a_connection_that_was_ended_meanwhile_was_not_given_is_given_to_the_next(
    toys: tuple[Gateway, Logs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "SLACK_MS", 0)
    gateway, logs = toys
    async with dial(gateway) as client:
        await said(client)
    await gateway.uplink.closed.get()
    logs.entries = [entry(1)]
    logs.gate.clear()
    async with dial(gateway) as client:
        assert await said(client) == {"hello": "ann"}
        await logs.asked.wait()
        (connection,) = gateway.hub._registry.by_number.values()
        connection.close(Close.KICKED)
        logs.gate.set()
        await client.wait_closed()
    await gateway.uplink.closed.get()
    async with dial(gateway) as client:
        await said(client)
        assert await heard(client, 1) == [["c", 1]]
