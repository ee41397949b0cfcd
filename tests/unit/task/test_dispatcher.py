"""The dispatcher: at least once, in order per key, and one bad event harms only its own key."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import ClassVar, cast

import pytest

from resonance.domain.errors import Code, ServiceError
from resonance.domain.events import Event
from resonance.ports.bus import Bus, Taken
from resonance.ports.store import DeadLetter, Store
from resonance.task import dispatcher as module
from resonance.task.dispatcher import Dispatcher
from resonance.task.processor import Processor


class ListBus(Bus):
    """A bus over a list, with the dead letters kept in order."""

    def __init__(self, events: list[Event]) -> None:
        self.events = events
        self.read = self.position = 0
        self.committed = 0
        self.letters: list[DeadLetter] = []
        # what the coming calls of these methods raise; None: nothing
        self.consume_failures: list[Exception | None] = []
        self.park_failures: list[Exception] = []
        self.done = asyncio.Event()
        # whether the consumer was told once that there is nothing more, and so could commit
        self.idle = False
        # whether the next batch is said to come with keys of another process
        self.moved = False

    async def consume(self, consumer: str, limit: int, wait_ms: int, kinds: Iterable[str] = ()) -> Taken:
        if self.consume_failures and (failure := self.consume_failures.pop(0)) is not None:
            raise failure
        batch = self.events[self.read : self.read + limit]
        self.read += len(batch)
        self.position = batch[-1].position if batch else self.position
        if not batch:
            if self.idle:
                self.done.set()
                await asyncio.Event().wait()
            self.idle = True
        moved, self.moved = self.moved, False
        return Taken([event for event in batch if event.kind in kinds], self.position, moved)

    async def commit(self, consumer: str, position: int) -> None:
        self.committed = position

    async def park(self, consumer: str, event: Event, error: str, attempts: int) -> None:
        if self.park_failures:
            raise self.park_failures.pop(0)
        self.letters.append(DeadLetter(consumer, event, error, attempts, 0))

    async def lag(self, consumer: str) -> int:
        return len(self.events) - self.read

    async def close(self) -> None:
        pass

    # the two methods of the store that a dispatcher uses
    async def parked(self, consumer: str, limit: int, after: int = 0) -> list[DeadLetter]:
        return [letter for letter in self.letters if letter.event.position > after][:limit]

    async def unpark(self, consumer: str, position: int) -> None:
        self.letters = [letter for letter in self.letters if letter.event.position != position]


class Recorder(Processor):
    """Records what it is given; raises what it is told to for a position, as often as told."""

    name: ClassVar[str] = "recorder"
    kinds: ClassVar[frozenset[str]] = frozenset({"x"})

    def __init__(self, failures: dict[int, list[Exception]] | None = None) -> None:
        self.failures = failures or {}
        self.done: list[int] = []
        self.forgot = 0

    def forget(self) -> None:
        self.forgot += 1

    async def process(self, events: Sequence[Event]) -> None:
        for event in events:
            if self.failures.get(event.position):
                raise self.failures[event.position].pop(0)
        self.done += [event.position for event in events]


def event(position: int, key: str = "k", kind: str = "x") -> Event:
    """Return an event."""
    return Event(position, key, kind, b"{}", 0)


async def run(bus: ListBus, processor: Processor, monkeypatch: pytest.MonkeyPatch, linger: float = 0.0) -> None:
    """Run a dispatcher until the bus is empty."""
    monkeypatch.setattr(module, "BACKOFF_S", 0.001)
    dispatcher = Dispatcher(bus, cast(Store, bus), "task", [processor], linger)
    dispatcher.start()
    async with asyncio.timeout(10):
        await bus.done.wait()
    await dispatcher.close()


async def test_events_are_processed_in_order_and_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    bus, recorder = ListBus([event(1), event(2, kind="other"), event(3)]), Recorder()
    await run(bus, recorder, monkeypatch)
    assert recorder.done == [1, 3]
    assert bus.committed == 3


async def test_a_world_that_is_away_delays_but_parks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logic restarting must not turn receipts into dead letters."""
    away: list[Exception] = [ServiceError(Code.UNAVAILABLE)] * 5
    bus, recorder = ListBus([event(1), event(2)]), Recorder({1: away})
    await run(bus, recorder, monkeypatch)
    assert recorder.done == [1, 2]
    assert bus.letters == []


async def test_a_bad_event_is_parked_with_the_later_ones_of_its_key_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad: list[Exception] = [ValueError("bad")] * 100
    bus = ListBus([event(1, "a"), event(2, "bad"), event(3, "b"), event(4, "bad")])
    recorder = Recorder({2: bad})
    await run(bus, recorder, monkeypatch)
    assert recorder.done == [1, 3]
    assert [letter.event.position for letter in bus.letters] == [2, 4]
    assert "ValueError: bad" in bus.letters[0].error
    assert bus.committed == 4


async def test_dead_letters_are_tried_again_at_the_start_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    bus, recorder = ListBus([]), Recorder()
    bus.letters = [
        DeadLetter("recorder", event(2, "k"), "was bad", 3, 0),
        DeadLetter("recorder", event(4, "k"), "", 0, 0),
    ]
    await run(bus, recorder, monkeypatch)
    assert recorder.done == [2, 4]
    assert bus.letters == []


async def test_every_key_with_a_dead_letter_waits_and_every_letter_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many there are: more keys than a page of dead letters holds."""
    many = 2 * module.PARKED_PAGE + 7
    bus = ListBus([event(many + n, f"key{n}") for n in range(1, many)])
    bus.letters = [DeadLetter("recorder", event(n, f"key{n}"), "was bad", 3, 0) for n in range(1, many)]
    recorder = Recorder({n: [ValueError("bad")] for n in range(1, many) if n != many - 2})
    await run(bus, recorder, monkeypatch)
    assert recorder.done == [many - 2, many + many - 2]
    assert len(bus.letters) == 2 * (many - 2)


async def test_what_was_taken_is_not_lost_when_the_store_goes_away_while_more_is_awaited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bus, recorder = ListBus([event(1), event(2)]), Recorder()
    bus.consume_failures = [None, ServiceError(Code.UNAVAILABLE)]
    await run(bus, recorder, monkeypatch, linger=0.001)
    assert recorder.done == [1, 2]
    assert bus.committed == 2


async def test_what_was_taken_is_not_lost_when_a_dead_letter_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    bad: list[Exception] = [ValueError("bad")] * 100
    bus, recorder = ListBus([event(1, "bad"), event(2, "a")]), Recorder({1: bad})
    bus.park_failures = [ServiceError(Code.STORAGE_UNAVAILABLE)]
    await run(bus, recorder, monkeypatch)
    assert recorder.done == [2]
    assert [letter.event.position for letter in bus.letters] == [1]


async def test_a_mistake_of_ours_does_not_end_derived_work(monkeypatch: pytest.MonkeyPatch) -> None:
    bus, recorder = ListBus([event(1)]), Recorder()
    bus.consume_failures = [RuntimeError("a mistake")]
    await run(bus, recorder, monkeypatch)
    assert recorder.done == [1]


async def test_dead_letters_of_another_process_come_before_the_events_of_its_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It parked them after we had looked at the start, and then its keys came to us."""

    class Late(ListBus):
        async def consume(self, consumer: str, limit: int, wait_ms: int, kinds: Iterable[str] = ()) -> Taken:
            if self.moved:
                self.letters = [DeadLetter("recorder", event(1, "k"), "was bad", 3, 0)]
            return await super().consume(consumer, limit, wait_ms, kinds)

    bus, recorder = Late([event(3, "k"), event(4, "other")]), Recorder({1: [ValueError("bad")] * 100})
    bus.moved = True
    await run(bus, recorder, monkeypatch)
    assert recorder.done == [4]
    assert [letter.event.position for letter in bus.letters] == [1, 3]
    assert recorder.forgot == 1
