"""What a bus promises its consumers, whatever is between the store's outbox and them."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable

import pytest

from resonance.domain.events import Event
from resonance.ports.bus import Bus
from resonance.ports.store import Store
from tests.contract.store.making import head, say

LONG_MS = 60_000
PATIENCE_S = 30.0


class World(ABC):
    """A store with processes that consume its events: `bus` makes what each of them has."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @abstractmethod
    async def bus(self) -> Bus:
        """Return the bus of one more process."""

    @abstractmethod
    async def killed(self, bus: Bus) -> None:
        """Let a process be gone, with all that it did not commit."""

    @abstractmethod
    async def close(self) -> None:
        """End every process."""


async def take(bus: Bus, consumer: str, count: int, limit: int = 100, kinds: Iterable[str] = ()) -> list[Event]:
    """Consume until there are so many events, and no longer than a test may wait."""
    return (await take_with_position(bus, consumer, count, limit, kinds))[0]


async def take_with_position(
    bus: Bus, consumer: str, count: int, limit: int = 100, kinds: Iterable[str] = ()
) -> tuple[list[Event], int]:
    """The same, with the position to commit."""
    events: list[Event] = []
    position = 0
    deadline = time.monotonic() + PATIENCE_S
    while len(events) < count:
        assert time.monotonic() < deadline, events
        taken = await bus.consume(consumer, limit, 500, kinds)
        events += taken.events
        position = taken.position
    return events, position


async def eventually_lags(bus: Bus, consumer: str, expected: int) -> None:
    """Wait until that many events are not committed: what was written may still be on its way to the bus."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := await bus.lag(consumer)) != expected:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.01)


def by_key(events: Iterable[Event]) -> dict[str, list[int]]:
    """Return the positions of events by what their order is kept for."""
    found: dict[str, list[int]] = defaultdict(list)
    for event in events:
        found[event.key].append(event.position)
    return dict(found)


class BusSuite:
    @pytest.fixture
    async def bus(self, world: World) -> Bus:
        return await world.bus()

    async def test_events_come_in_the_order_of_their_keys_and_once(self, bus: Bus, store: Store, chat: str) -> None:
        other = (await store.open_single("anna", "carl")).id
        for _ in range(5):
            await say(store, chat, "anna")
            await say(store, other, "anna")
        written = (await store.outbox(0, 100, 0)).events
        got = await take(bus, "c", len(written), limit=2)
        assert sorted(got) == written
        assert by_key(got) == by_key(written)
        assert (await bus.consume("c", 100, 0)).events == []

    async def test_what_was_not_committed_comes_again_after_a_crash(
        self, world: World, bus: Bus, store: Store, chat: str
    ) -> None:
        for _ in range(3):
            await say(store, chat, "anna")
        written = (await store.outbox(0, 100, 0)).events
        first, position = await take_with_position(bus, "c", len(written) - 3, limit=1)
        await bus.commit("c", position)
        await take(bus, "c", 3)
        await world.killed(bus)
        assert sorted(first + await take(await world.bus(), "c", 3)) == written

    async def test_consumers_do_not_share_positions(self, bus: Bus, store: Store, chat: str) -> None:
        await say(store, chat, "anna")
        written = (await store.outbox(0, 100, 0)).events
        _, position = await take_with_position(bus, "a", len(written))
        await bus.commit("a", position)
        assert sorted(await take(bus, "b", len(written))) == written

    async def test_a_waiting_consumer_is_woken_by_the_next_commit(self, bus: Bus, store: Store, chat: str) -> None:
        await take(bus, "c", await head(store))
        waiting = asyncio.create_task(bus.consume("c", 100, LONG_MS))
        await store.mark_read("anna", chat, 0)  # commits without an event: wakes nobody
        assert not waiting.done()
        await say(store, chat, "anna")
        async with asyncio.timeout(10):
            [event] = (await waiting).events
        assert event.kind == "entries"

    async def test_a_call_that_is_given_up_takes_nothing_away(self, bus: Bus, store: Store, chat: str) -> None:
        await take(bus, "c", await head(store))
        waiting = asyncio.create_task(bus.consume("c", 100, LONG_MS))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await say(store, chat, "anna")
        [event] = await take(bus, "c", 1)
        assert event.kind == "entries"

    async def test_a_consumer_is_given_what_it_wants_and_moves_beyond_the_rest(
        self, bus: Bus, store: Store, chat: str
    ) -> None:
        for _ in range(3):
            await say(store, chat, "anna")
        await store.mark_read("bert", chat, 1)
        [event], position = await take_with_position(bus, "c", 1, kinds=["read"])
        assert event.kind == "read"
        await bus.commit("c", position)
        await say(store, chat, "anna")
        await store.mark_read("bert", chat, 2)
        [event], position = await take_with_position(bus, "c", 1, kinds=["read"])
        assert event.kind == "read"
        await bus.commit("c", position)
        await eventually_lags(bus, "c", 0)
        assert (await bus.consume("c", 100, 0, {"read"})).events == []

    async def test_waiting_ends_without_events(self, bus: Bus, store: Store, chat: str) -> None:
        await take(bus, "c", await head(store))
        assert (await bus.consume("c", 100, 20)).events == []

    async def test_lag_counts_what_is_not_committed(self, bus: Bus, store: Store, chat: str) -> None:
        _, position = await take_with_position(bus, "c", await head(store))
        await bus.commit("c", position)
        for _ in range(3):
            await say(store, chat, "anna")
        _, position = await take_with_position(bus, "c", 1, limit=1)
        await eventually_lags(bus, "c", 3)
        await bus.commit("c", position)
        await eventually_lags(bus, "c", 2)

    async def test_a_commit_never_goes_back(self, bus: Bus, store: Store, chat: str) -> None:
        for _ in range(2):
            await say(store, chat, "anna")
        _, early = await take_with_position(bus, "c", 1, limit=1)
        _, late = await take_with_position(bus, "c", await head(store) - 1)
        await bus.commit("c", late)
        await bus.commit("c", early)
        await eventually_lags(bus, "c", 0)

    async def test_events_of_a_known_consumer_are_not_pruned(
        self, world: World, bus: Bus, store: Store, chat: str
    ) -> None:
        await take(bus, "slow", 1, limit=1)
        for _ in range(3):
            await say(store, chat, "anna")
        written = await head(store)
        _, position = await take_with_position(bus, "fast", written)
        await bus.commit("fast", position)
        assert await store.prune(0, 0, 1000) == 0
        await world.killed(bus)
        assert len(await take(await world.bus(), "slow", written)) == written

    async def test_parked_events_are_kept(self, bus: Bus, store: Store, chat: str) -> None:
        [event] = await take(bus, "c", 1, limit=1)
        await bus.park("c", event, "no luck", 3)
        [letter] = await store.parked("c", 10)
        assert (letter.event, letter.error, letter.attempts) == (event, "no luck", 3)
