"""Logic's end of the queue: nothing is committed before its answers are durable, no push claimed before it is sent."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from resonance.domain.content import Kind
from resonance.domain.errors import Code, ServiceError
from resonance.domain.fences import LIFE_S
from resonance.domain.model import SendAnswer, SendItem
from resonance.engines.sqlite.store import SqliteStore
from resonance.logic.queued import LogicQueue
from resonance.ports.uplink import Downward, Intake, Parcel, Sent, TakenUp
from resonance.rpc.frames import DOWN
from resonance.services.link import AnswerBatch, CaughtUp, DownBeat, DownFrame, Hello, Kick, PushBatch
from tests.unit.logic.live import Live, running

GATEWAY, EPOCH, LINK = "g1", 3, 8


class Topic:
    """What gateways sent: an intake takes from what was committed on."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.committed = 0
        self.intakes = 0
        self.forgets = False  # whether commits are lost, as those of a process that is killed before

    def put(self, *items: SendItem, epoch: int = EPOCH) -> None:
        self.sent += [Sent(GATEWAY, epoch, item) for item in items]


class TopicIntake(Intake):
    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._read = topic.committed
        topic.intakes += 1

    async def take(self, limit: int, wait_ms: int) -> TakenUp:
        found = self._topic.sent[self._read : self._read + limit]
        self._read += len(found)
        if not found:
            await asyncio.sleep(0.005)
        return TakenUp(found, self._read)

    def commit(self, mark: int) -> None:
        if not self._topic.forgets:
            self._topic.committed = mark

    async def close(self) -> None: ...


class Down(Downward):
    """Keeps what is sent; it is durable when a test says so, or at once."""

    def __init__(self, world: World) -> None:
        self.world = world

    def send(self, gateway: str, parcel: Parcel) -> Future[None]:
        assert gateway == GATEWAY
        if self.world.full:
            raise ServiceError(Code.UNAVAILABLE, "full")
        self.world.parcels.append(parcel)
        written: Future[None] = asyncio.get_running_loop().create_future()
        if self.world.durable:
            written.set_result(None)
        self.world.waiting.append(written)
        return written

    async def close(self) -> None: ...


class World:
    """A queue of logic's over a topic; also what it asks of links."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.topic = Topic()
        self.parcels: list[Parcel] = []
        self.waiting: list[Future[None]] = []
        self.durable = True
        self.full = False
        self.ended = 0
        self.linked: int | None = EPOCH
        self.queue = LogicQueue(self)

    async def intake(self) -> Intake:
        return TopicIntake(self.topic)

    def downward(self) -> Downward:
        return Down(self)

    def epoch(self, gateway: str) -> int | None:
        return self.linked

    def end_queued(self) -> None:
        self.ended += 1

    def start(self) -> None:
        self.queue.start(self.live.pipeline, self)

    @property
    def frames(self) -> list[DownFrame]:
        return [DOWN.loads(parcel.frame) for parcel in self.parcels]

    @property
    def answers(self) -> list[SendAnswer]:
        return [answer for frame in self.frames if isinstance(frame, AnswerBatch) for answer in frame.answers]

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not reached():  # noqa: ASYNC110
                await asyncio.sleep(0.005)


@asynccontextmanager
async def world_of(store: SqliteStore) -> AsyncIterator[World]:
    async with running(store) as live:
        await live.people("ann", "bob")
        world = World(live)
        try:
            yield world
        finally:
            await world.queue.close()
            await world.queue.terminate()


def text(ref: int, connection: int = 7) -> SendItem:
    return SendItem(ref, connection, "ann", f"k{ref}", "", "bob", Kind.TEXT, f"text {ref}", "", "")


async def unavailable(_entries: object) -> None:
    raise ServiceError(Code.STORAGE_UNAVAILABLE)


async def test_messages_are_stored_in_order_answered_and_committed(store: SqliteStore) -> None:
    async with world_of(store) as world:
        world.topic.put(*(text(ref) for ref in range(1, 1201)))
        world.start()
        await world.until(lambda: world.topic.committed == 1200)
        assert [(one.ref, one.seq, one.code) for one in world.answers] == [(ref, ref, "") for ref in range(1, 1201)]
        assert {(parcel.epoch, parcel.link) for parcel in world.parcels} == {(EPOCH, 0)}


async def test_nothing_is_committed_before_its_answers_are_durable(store: SqliteStore) -> None:
    async with world_of(store) as world:
        world.durable = False
        world.topic.put(text(1))
        world.start()
        await world.until(lambda: len(world.answers) == 1)
        world.topic.put(text(2))
        await world.until(lambda: len(world.answers) == 2)
        world.waiting[1].set_result(None)  # the later one first: the earlier holds it back
        world.topic.put(text(3))
        await world.until(lambda: len(world.answers) == 3)
        assert world.topic.committed == 0
        world.waiting[0].set_result(None)
        await world.until(lambda: world.topic.committed == 2)
        world.waiting[2].set_result(None)


async def test_a_crash_between_answer_and_commit_doubles_nothing(store: SqliteStore) -> None:
    async with world_of(store) as world:
        world.topic.forgets = True
        world.topic.put(text(1), text(2))
        world.start()
        await world.until(lambda: len(world.answers) == 2)
        await world.queue.close()
        world.topic.forgets = False
        world.topic.put(text(3))
        world.queue = LogicQueue(world)
        world.start()
        await world.until(lambda: world.topic.committed == 3)
        first, again = world.answers[:2], world.answers[2:4]
        assert first == again
        assert world.answers[4].seq == 3
        entries = await store.entries("si_ann_bob", 1, 10)
        assert [entry.client_msg_id for entry in entries] == ["k1", "k2", "k3"]


async def test_what_followed_a_refused_message_does_not_overtake_it_at_the_next_logic(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world_of(store) as world, running(store, "next") as other:
        with monkeypatch.context() as patch:
            patch.setattr(store, "append", unavailable)
            world.topic.put(text(1))
            world.start()
            await world.until(lambda: len(world.answers) == 1)
        assert world.answers[0].code == Code.STORAGE_UNAVAILABLE.text
        await world.queue.close()
        world.topic.put(text(2))  # sent before its sender knew
        world.queue, world.live = LogicQueue(world), other
        world.start()
        await world.until(lambda: world.topic.committed == 2)
        entries = await store.entries("si_ann_bob", 1, 10)
        assert [entry.client_msg_id for entry in entries] == ["k1", "k2"]


async def test_what_was_refused_is_committed_when_it_is_not_expected_again(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "append", unavailable)
    async with world_of(store) as world:
        now = [100.0]
        world.queue = LogicQueue(world, lambda: now[0])
        world.topic.put(text(1, connection=0))  # by no connection: nothing is kept in order
        world.start()
        await world.until(lambda: world.topic.committed == 1)
        world.topic.put(text(2))
        await world.until(lambda: len(world.answers) == 2)
        world.topic.put(text(3, connection=0))
        await world.until(lambda: len(world.answers) == 3)
        assert world.topic.committed == 1
        now[0] += LIFE_S
        await world.until(lambda: world.topic.committed == 3)


async def test_a_lost_answer_makes_its_message_come_again_and_ends_the_links(store: SqliteStore) -> None:
    async with world_of(store) as world:
        world.durable = False
        world.topic.put(text(1))
        world.start()
        await world.until(lambda: len(world.answers) == 1)
        world.durable = True
        world.waiting[0].set_exception(ServiceError(Code.UNAVAILABLE, "lost"))
        await world.until(lambda: world.topic.committed == 1)
        assert world.ended == 1
        assert world.topic.intakes == 2
        assert world.answers[0] == world.answers[1]


async def test_a_number_of_a_connection_of_another_run_is_nobodys(store: SqliteStore) -> None:
    """Whoever has that number now would not be pushed to."""
    async with world_of(store) as world:
        world.topic.put(text(1), epoch=EPOCH - 1)
        world.topic.put(text(2))
        world.start()
        await world.until(lambda: len(world.answers) == 2)
        assert sorted((one.ref, one.connection) for one in world.answers) == [(1, 0), (2, 7)]


async def test_what_says_how_far_pushes_are_goes_behind_them(store: SqliteStore) -> None:
    async with world_of(store) as world:
        stream: list[DownFrame] = []
        send = world.queue.divert(Hello(GATEWAY, EPOCH, "", 0, [], True, LINK), stream.append, lambda: None)
        push, beat, kick, caught_up = PushBatch(5, [], []), DownBeat(1, 6), Kick(["d"], 1), CaughtUp(2)
        sent: list[DownFrame] = [push, beat, kick, caught_up]
        for frame in sent:
            send(frame)
        assert world.frames == [push, beat, caught_up]
        assert stream == [DownBeat(1, 0), kick]
        assert {(parcel.epoch, parcel.link) for parcel in world.parcels} == {(EPOCH, LINK)}


async def test_a_link_whose_push_cannot_be_written_is_ended(store: SqliteStore) -> None:
    async with world_of(store) as world:
        world.start()
        ends: list[bool] = []
        send = world.queue.divert(
            Hello(GATEWAY, EPOCH, "", 0, [], True, LINK), lambda _: None, lambda: ends.append(True)
        )
        world.full = True
        send(PushBatch(5, [], []))
        assert ends == [True]
        assert world.ended == 1
