"""The uplink over a queue: each message answered once, everything again after a loss, positions only of live links."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from resonance.config.settings import Rpc, StatusBatcher
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import SendAnswer, SendItem
from resonance.gateway.logic_link import turned_down
from resonance.gateway.uplink import GatewayUplink
from resonance.ports.registry import Instance, Watch
from resonance.ports.uplink import GatewayEnd, Parcel
from resonance.rpc.connector import Connection, Connector, Logics
from resonance.rpc.frames import DOWN
from resonance.services.link import AnswerBatch, DownBeat, DownFrame, Hello, PushBatch, SendBatch, UpFrame, Welcome
from tests.unit.gateway.test_uplink import Collector


class End(GatewayEnd):
    """An end that a test reads and writes."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.sent: list[SendItem] = []
        self.closed = False
        self._down: asyncio.Queue[list[Parcel] | None] = asyncio.Queue()

    async def start(self) -> None: ...

    def send(self, items: Sequence[SendItem]) -> list[SendItem]:
        refused = [item for item in items if item.content == "\ud800"]
        self.sent += [item for item in items if item not in refused]
        return refused

    async def receive(self) -> list[Parcel]:
        found = await self._down.get()
        if found is None:
            raise ServiceError(Code.UNAVAILABLE, "lost")
        return found

    async def close(self) -> None:
        self.closed = True

    def down(self, frame: DownFrame, link: int = 0, epoch: int | None = None) -> None:
        self._down.put_nowait([Parcel(self.epoch if epoch is None else epoch, link, DOWN.dumps(frame))])

    def lose(self) -> None:
        self._down.put_nowait(None)

    def answer(self, *items: SendItem) -> None:
        answers = [SendAnswer(i.ref, i.connection, 1, 1, 1, 1, "c", i.client_msg_id, "", "") for i in items]
        self.down(AnswerBatch(answers))


class Logic(Connector):
    """Welcomes every link, and keeps what it hears."""

    def __init__(self) -> None:
        self.hellos: list[Hello] = []
        self.batches: list[SendBatch] = []

    async def connect(self, on_frame: Callable[[DownFrame], None], on_lost: Callable[[], None]) -> Connection:
        logic = self

        class Link(Connection):
            def send(self, frame: UpFrame) -> None:
                if isinstance(frame, Hello):
                    logic.hellos.append(frame)
                    asyncio.get_running_loop().call_soon(on_frame, Welcome("store", frame.position, False, []))
                elif isinstance(frame, SendBatch):
                    logic.batches.append(frame)

            async def close(self) -> None: ...

        return Link()


class World:
    def __init__(self, window: int) -> None:
        self.ends: list[End] = []
        self.logic = Logic()
        self.collector = Collector()
        watch = Watch()
        watch.set([Instance("one", "logic", "")])
        rpc = Rpc(window=window)
        self.uplink = GatewayUplink(
            "g1",
            Logics(watch, lambda _one: self.logic),
            self.collector,
            rpc,
            StatusBatcher(),
            queue=self._end,
        )

    def _end(self, gateway: str, epoch: int) -> End:
        assert gateway == "g1"
        self.ends.append(End(epoch))
        return self.ends[-1]

    @property
    def end(self) -> End:
        return self.ends[-1]

    def submit(self, key: str, content: str = "hi") -> int:
        return self.uplink.submit(1, "ann", key, "c", "", 0, content, "", "")

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not reached():  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@asynccontextmanager
async def running(window: int = 64) -> AsyncIterator[World]:
    world = World(window)
    await world.uplink.start()
    await world.uplink.wait_connected()
    try:
        yield world
    finally:
        await world.uplink.close()


async def test_messages_take_the_queue_and_are_answered_once() -> None:
    async with running() as world:
        for key in "abc":
            world.submit(key)
        await world.until(lambda: len(world.end.sent) == 3)
        assert [item.client_msg_id for item in world.end.sent] == ["a", "b", "c"]
        assert not world.logic.batches
        other = [SendAnswer(world.end.sent[0].ref, 1, 9, 9, 9, 9, "c", "a", "", "")]
        world.end.down(AnswerBatch(other), epoch=world.end.epoch - 1)
        world.end.answer(*world.end.sent[:2])
        world.end.answer(*world.end.sent)
        await world.uplink.join()
        assert [(one.client_msg_id, one.message_id) for one in world.collector.answered] == [
            ("a", 1),
            ("b", 1),
            ("c", 1),
        ]


async def test_too_many_unanswered_are_busy_until_some_are_answered() -> None:
    async with running(window=64) as world:
        for number in range(64):
            world.submit(f"k{number}")
        with pytest.raises(ServiceError) as refused:
            world.submit("one more")
        assert refused.value.code is Code.BUSY
        await world.until(lambda: len(world.end.sent) == 64)
        world.end.answer(world.end.sent[0])
        await world.until(lambda: len(world.collector.answered) == 1)
        world.submit("one more")


async def test_what_cannot_be_carried_is_refused() -> None:
    async with running() as world:
        world.submit("bad", "\ud800")
        await world.uplink.join()
        assert [one.code for one in world.collector.answered] == [Code.INVALID_ARGUMENT.text]


async def test_after_a_loss_everything_unanswered_goes_up_again_and_links_begin_anew() -> None:
    async with running() as world:
        for key in "abcd":
            world.submit(key)
        first = world.end
        await world.until(lambda: len(first.sent) == 4)
        first.down(DownBeat(1, 50), link=world.logic.hellos[-1].queued)
        first.answer(first.sent[1])
        first.lose()
        world.submit("e")
        await world.until(lambda: len(world.ends) == 2 and len(world.end.sent) == 4)
        assert [item.client_msg_id for item in world.end.sent] == ["a", "c", "d", "e"]
        assert first.closed
        await world.until(lambda: len(world.logic.hellos) == 2)
        assert world.logic.hellos[1].position == 50


async def test_only_frames_of_the_link_as_it_is_say_how_far_it_is() -> None:
    """A claim of a link before is of pushes that an end before may not have read; its pushes are of use still."""
    async with running() as world:
        old = world.logic.hellos[-1].queued
        world.end.down(DownBeat(1, 10), link=old)
        world.end.lose()
        await world.until(lambda: len(world.logic.hellos) == 2)
        world.end.down(PushBatch(99, [], []), link=old)
        world.end.down(DownBeat(1, 99), link=old)
        await world.until(lambda: bool(world.collector.pushed))
        new = world.logic.hellos[-1].queued
        assert new != old
        world.end.down(PushBatch(20, [], []), link=new)
        await world.until(lambda: len(world.collector.pushed) == 2)
        world.end.lose()
        await world.until(lambda: len(world.logic.hellos) == 3)
        assert [hello.position for hello in world.logic.hellos] == [0, 10, 20]


async def test_what_followed_a_refused_message_does_not_go_up_again_before_it() -> None:
    """The queue that is lost may hold what followed, or not: the next one gets none of it."""
    async with running() as world:
        for key in "abc":
            world.submit(key)
        await world.until(lambda: len(world.end.sent) == 3)
        first = world.end.sent[0]
        world.end.down(AnswerBatch([turned_down(first, ServiceError(Code.BUSY))]))
        await world.until(lambda: len(world.collector.answered) == 1)
        world.end.lose()
        await world.uplink.join()
        assert [(one.client_msg_id, one.code) for one in world.collector.answered] == [
            ("a", "busy"),
            ("b", "busy"),
            ("c", "busy"),
        ]
        for key in "abc":
            world.submit(key)
        await world.until(lambda: len(world.ends) == 2 and len(world.end.sent) == 3)
        assert [item.client_msg_id for item in world.end.sent] == ["a", "b", "c"]
