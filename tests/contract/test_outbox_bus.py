"""What a bus promises its consumers, over the store's outbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from resonance.config.settings import StoreConfig
from resonance.engines.outbox.bus import OutboxBus
from resonance.engines.sqlite.store import SqliteStore
from resonance.ports.bus import Bus
from resonance.ports.store import Store
from tests.contract.store.making import people, say

LONG_MS = 60_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    engine = SqliteStore(tmp_path / "resonance.db", StoreConfig())
    await engine.start()
    yield engine
    engine.close()
    await engine.join()


@pytest.fixture
async def bus(store: Store) -> Bus:
    return OutboxBus(store)


@pytest.fixture
async def chat(store: Store) -> str:
    await people(store, "anna", "bert")
    return (await store.open_single("anna", "bert")).id


class BusSuite:
    async def test_events_come_in_the_order_of_their_commits_and_once(self, bus: Bus, store: Store, chat: str) -> None:
        for _ in range(5):
            await say(store, chat, "anna")
        got = [event for _ in range(4) for event in (await bus.consume("c", 2, 0)).events]
        positions = [event.position for event in got]
        assert positions == sorted(set(positions))
        assert [event.kind for event in got[-5:]] == ["entries"] * 5
        assert (await bus.consume("c", 100, 0)).events == []

    async def test_what_was_not_committed_comes_again_after_a_restart(self, bus: Bus, store: Store, chat: str) -> None:
        for _ in range(3):
            await say(store, chat, "anna")
        events = (await bus.consume("c", 100, 0)).events
        await bus.commit("c", events[0].position)
        assert (await OutboxBus(store).consume("c", 100, 0)).events == events[1:]

    async def test_consumers_do_not_share_positions(self, bus: Bus, store: Store, chat: str) -> None:
        await say(store, chat, "anna")
        first = (await bus.consume("a", 100, 0)).events
        await bus.commit("a", first[-1].position)
        assert (await bus.consume("b", 100, 0)).events == first

    async def test_a_waiting_consumer_is_woken_by_the_next_commit(self, bus: Bus, store: Store, chat: str) -> None:
        await bus.consume("c", 100, 0)
        waiting = asyncio.create_task(bus.consume("c", 100, LONG_MS))
        await store.mark_read("anna", chat, 0)  # commits without an event: wakes nobody
        assert not waiting.done()
        await say(store, chat, "anna")
        async with asyncio.timeout(10):
            [event] = (await waiting).events
        assert event.kind == "entries"

    async def test_a_consumer_is_given_what_it_wants_and_moves_beyond_the_rest(
        self, bus: Bus, store: Store, chat: str
    ) -> None:
        for _ in range(3):
            await say(store, chat, "anna")
        await store.mark_read("bert", chat, 1)
        await say(store, chat, "anna")
        taken = await bus.consume("c", 100, 0, {"read"})
        assert [event.kind for event in taken.events] == ["read"]
        await bus.commit("c", taken.position)
        assert await bus.lag("c") == 0
        assert (await bus.consume("c", 100, 0, {"read"})).events == []
        await store.mark_read("bert", chat, 2)
        assert [event.kind for event in (await bus.consume("c", 100, 0, {"read"})).events] == ["read"]

    async def test_waiting_ends_without_events(self, bus: Bus, chat: str) -> None:
        await bus.consume("c", 100, 0)
        assert (await bus.consume("c", 100, 20)).events == []

    async def test_lag_counts_what_is_not_committed(self, bus: Bus, store: Store, chat: str) -> None:
        await bus.commit("c", (await bus.consume("c", 100, 0)).position)
        for _ in range(3):
            await say(store, chat, "anna")
        events = (await bus.consume("c", 100, 0)).events
        assert await bus.lag("c") == 3
        await bus.commit("c", events[1].position)
        assert await bus.lag("c") == 1

    async def test_a_commit_never_goes_back(self, bus: Bus, store: Store, chat: str) -> None:
        await say(store, chat, "anna")
        events = (await bus.consume("c", 100, 0)).events
        await bus.commit("c", events[-1].position)
        await bus.commit("c", events[0].position)
        assert await bus.lag("c") == 0

    async def test_events_of_a_known_consumer_are_not_pruned(self, bus: Bus, store: Store, chat: str) -> None:
        await bus.consume("slow", 1, 0)
        for _ in range(3):
            await say(store, chat, "anna")
        await bus.commit("fast", (await bus.consume("fast", 100, 0)).position)
        assert await store.prune(0, 0, 1000) == 0
        assert len((await OutboxBus(store).consume("slow", 100, 0)).events) >= 4

    async def test_parked_events_are_kept(self, bus: Bus, store: Store, chat: str) -> None:
        [event] = (await bus.consume("c", 1, 0)).events
        await bus.park("c", event, "no luck", 3)
        [letter] = await store.parked("c", 10)
        assert (letter.event, letter.error, letter.attempts) == (event, "no luck", 3)


class TestOutboxBus(BusSuite):
    pass
