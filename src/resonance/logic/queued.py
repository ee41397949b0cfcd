"""Logic's end of the queue between gateways and logic: messages out of it, answers and pushes into each gateway's.

Messages. A batch that was taken goes to the pipeline whole; it is committed to the queue once every message of it is
answered and the answers are durable there. So a crash at any point repeats messages, whose keys are stored, and they
are answered again. Batches overlap up to `IN_FLIGHT` messages, and are committed in the order in which they were taken.
What was refused for now holds back the commit for as long as it may come again: another logic that takes over from
here knows nothing of the fence behind it (`domain.fences`), and would store what followed it first; so it decides the
refused one again, too. One thing therefore differs from the links: a message may be stored after its sender was told
that it was not.

Pushes. A link whose gateway reads the queue (`Hello.queued`) keeps routes, kicks and heartbeats; pushes go through the
queue. What a gateway believes to have been given must be true when this logic dies with pushes in its producer. So
everything that tells of it goes the same way, behind what it tells of: the positions of pushes, `CaughtUp`, and a
copy of every heartbeat; the heartbeat on the link tells of position 0, which says nothing. `Welcome` tells of a
position on the link: there it is what the gateway said itself, or that of a gateway without connections, or it comes
with the order to sync, which finds everything that is stored. When something could not be written, all these links
are ended: on the new ones gateways say how far they are, and are given the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from asyncio import Future
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import structlog

from resonance.domain.errors import Code, ServiceError
from resonance.domain.fences import LIFE_S, keeps_order
from resonance.domain.model import SendAnswer, SendItem
from resonance.ports.uplink import Downward, Intake, Parcel
from resonance.rpc.frames import DOWN
from resonance.services.link import AnswerBatch, CaughtUp, DownBeat, DownFrame, Hello, PushBatch

if TYPE_CHECKING:  # delivery, which batches know, knows links, which know this
    from resonance.logic.batch import AnswerSink

log = structlog.get_logger(__name__)

TAKE_MOST = 500
WAIT_MS = 100
"""How long a commit may wait for a message to come."""
IN_FLIGHT = 4 * TAKE_MOST
DRAIN_S = 5.0
BACKOFF_S = 0.2
BACKOFF_MOST_S = 5.0

Send = Callable[[DownFrame], None]


class Sink(Protocol):
    """What takes messages: the pipeline."""

    def put(self, sink: AnswerSink, items: Sequence[SendItem]) -> None:
        """Queue items; their answers come to `sink.answer`."""


class QueueWays(Protocol):
    """How this logic gets to the queue."""

    async def intake(self) -> Intake:
        """Return a new intake. Raises ServiceError UNAVAILABLE."""

    def downward(self) -> Downward:
        """Return a new way down."""


class LinkedGateways(Protocol):
    """What is known of gateways by their links."""

    def epoch(self, gateway: str) -> int | None:
        """Return which run of a gateway is linked now, or None."""

    def end_queued(self) -> None:
        """End the links of all gateways that read the queue."""


class LogicQueue:
    """Takes messages as long as it runs, and has a way down for links and answers. start → close → terminate."""

    def __init__(self, ways: QueueWays, clock: Callable[[], float] = time.monotonic) -> None:
        self._ways = ways
        self._clock = clock
        self._sink: Sink | None = None
        self._gateways: LinkedGateways | None = None
        self._downward: Downward | None = None
        self._closed: set[asyncio.Task[None]] = set()  # ways down that are being ended
        self._in_flight: deque[_Taken] = deque()
        self._answered: deque[_Taken] = deque()  # not committed yet because of refusals
        self._intake: Intake | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, sink: Sink, gateways: LinkedGateways) -> None:
        """Begin to take messages for a pipeline."""
        self._sink, self._gateways = sink, gateways
        self._task = asyncio.create_task(self._run(), name="queue")

    async def close(self) -> None:
        """Take nothing more; wait a while for what was taken, and commit it."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def terminate(self) -> None:
        """End the way down; what is on it has a little time."""
        if self._downward is not None:
            self._drop(self._downward)
        await asyncio.gather(*self._closed)

    # ------------------------------------------------------------ up

    async def _run(self) -> None:
        backoff = BACKOFF_S
        while True:
            try:
                try:
                    self._intake = await self._ways.intake()
                    while True:
                        await self._turn(self._intake)
                        backoff = BACKOFF_S
                finally:
                    await self._leave()
            except ServiceError as exc:
                log.warning("messages cannot be taken from the queue", error=str(exc))
            except Exception:  # without this task messages would wait for ever
                log.exception("taking messages from the queue failed")
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, BACKOFF_MOST_S)

    async def _turn(self, intake: Intake) -> None:
        """Commit what is done, then hand the next messages on, unless too many are in work."""
        self._commit(intake)
        if sum(taken.missing for taken in self._in_flight) >= IN_FLIGHT:
            await asyncio.wait({self._in_flight[0].done})
            return
        messages, mark = await intake.take(TAKE_MOST, WAIT_MS)
        taken = _Taken(mark, len(messages), self._send, self._clock)
        self._in_flight.append(taken)
        by_way: dict[tuple[str, int], list[SendItem]] = {}
        for gateway, epoch, item in messages:
            by_way.setdefault((gateway, epoch), []).append(item)
        for (gateway, epoch), items in by_way.items():
            self._put(taken, gateway, epoch, items)

    def _put(self, taken: _Taken, gateway: str, epoch: int, items: list[SendItem]) -> None:
        assert self._sink is not None
        assert self._gateways is not None
        if self._gateways.epoch(gateway) not in (None, epoch):
            # the number is that of somebody else's connection by now, who would not be pushed to
            items = [item._replace(connection=0) for item in items]
        self._sink.put(_Way(gateway, epoch, taken), items)

    def _commit(self, intake: Intake) -> None:
        """Commit what is answered, in order, and nothing behind an answer that was not written.

        Raises:
            ServiceError: there is such an answer.
        """
        mark = 0
        try:
            while self._in_flight and self._in_flight[0].done.done():
                self._in_flight[0].done.result()
                self._answered.append(self._in_flight.popleft())
        finally:
            now = self._clock()
            while self._answered and self._answered[0].held_until <= now:
                mark = self._answered.popleft().mark
            if mark:
                intake.commit(mark)

    async def _leave(self) -> None:
        """Give up the intake; what is not committed comes again, here or elsewhere."""
        intake, self._intake = self._intake, None
        if intake is None:
            return
        in_flight = [taken.done for taken in self._in_flight]
        if in_flight:
            await asyncio.wait(in_flight, timeout=DRAIN_S)
        with contextlib.suppress(ServiceError, ValueError):
            self._commit(intake)
        self._in_flight.clear()
        self._answered.clear()
        await intake.close()

    # ------------------------------------------------------------ down

    def divert(self, hello: Hello, stream: Send, end: Callable[[], None]) -> Send:
        """Return the way down for a link whose gateway reads the queue.

        Args:
            stream: the way down on the link itself.
            end: ends the link.
        """

        def queue(frame: DownFrame) -> None:
            try:
                self._send(hello.gateway, Parcel(hello.epoch, hello.queued, DOWN.dumps(frame)))
            except ServiceError:
                end()

        def send(frame: DownFrame) -> None:
            if isinstance(frame, PushBatch | CaughtUp):
                queue(frame)
            elif isinstance(frame, DownBeat):
                queue(frame)
                stream(frame._replace(position=0))
            else:
                stream(frame)

        return send

    def _send(self, gateway: str, parcel: Parcel) -> Future[None]:
        """Put a frame on its way. Raises ServiceError UNAVAILABLE."""
        if self._downward is None:
            self._downward = self._ways.downward()
        downward = self._downward
        try:
            written = downward.send(gateway, parcel)
        except ServiceError as exc:
            self._broken(downward, exc)
            raise
        written.add_done_callback(lambda done: self._written(downward, done))
        return written

    def _written(self, downward: Downward, written: Future[None]) -> None:
        if not written.cancelled() and (error := written.exception()) is not None:
            self._broken(downward, error)

    def _broken(self, downward: Downward, error: BaseException) -> None:
        """Begin a new way down, and new links over it, for something is lacking in the old one."""
        if downward is not self._downward:
            return
        log.warning("frames for gateways cannot be written to the queue", error=str(error))
        self._drop(downward)
        if self._gateways is not None:
            self._gateways.end_queued()

    def _drop(self, downward: Downward) -> None:
        self._downward = None
        closing = asyncio.create_task(downward.close())
        self._closed.add(closing)
        closing.add_done_callback(self._closed.discard)


class _Taken:
    """Messages that were taken together.

    Attributes:
        missing: how many are not answered yet.
        done: once all are, and the answers are durable; fails when one is not.
        held_until: when refused ones are not expected again any more, on the clock.
    """

    def __init__(
        self, mark: int, size: int, send: Callable[[str, Parcel], Future[None]], clock: Callable[[], float]
    ) -> None:
        self.mark = mark
        self.missing = size
        self.done: Future[None] = asyncio.get_running_loop().create_future()
        self.done.add_done_callback(_heard)
        self.held_until = 0.0
        self._send = send
        self._clock = clock
        self._unwritten = 0
        self._settle()

    def answer(self, gateway: str, epoch: int, answers: list[SendAnswer]) -> None:
        """Send answers; they count as given once they are durable."""
        self.missing -= len(answers)
        if any(answer.code and keeps_order(answer, Code.of(answer.code)) for answer in answers):
            self.held_until = self._clock() + LIFE_S
        self._unwritten += 1
        try:
            parcel = Parcel(epoch, 0, DOWN.dumps(AnswerBatch(answers)))
            self._send(gateway, parcel).add_done_callback(self._written)
        except (ServiceError, ValueError) as exc:
            self._fail(exc)

    def _written(self, written: Future[None]) -> None:
        if written.cancelled():
            self._fail(ServiceError(Code.UNAVAILABLE, "answers were not written"))
        elif (error := written.exception()) is not None:
            self._fail(error)
        else:
            self._unwritten -= 1
            self._settle()

    def _settle(self) -> None:
        if not self.missing and not self._unwritten and not self.done.done():
            self.done.set_result(None)

    def _fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class _Way:
    """Where answers to messages of one run of a gateway go; an `AnswerSink` of the pipeline."""

    def __init__(self, gateway: str, epoch: int, taken: _Taken) -> None:
        self.gateway = gateway
        self.way = (gateway, epoch)
        self._epoch = epoch
        self._taken = taken

    def answer(self, answers: list[SendAnswer]) -> None:
        """Take answers of the pipeline."""
        self._taken.answer(self.gateway, self._epoch, answers)


def _heard(done: Future[None]) -> None:
    """Take note of a failure that nobody waits for any more."""
    if not done.cancelled():
        done.exception()
