"""Messages that go to logic through a queue, and what comes back through it, in the place of the links.

What was sent and is not answered is in the queue, and whichever logic takes it answers it: nothing is sent again
because a logic died. Only when the queue itself has lost something (a message could not be written, a topic is gone) a
new end is begun, and everything unanswered goes up again, in order. Messages carry keys, so none is stored twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import structlog

from resonance.domain.errors import ServiceError
from resonance.domain.fences import behind
from resonance.domain.model import SendAnswer, SendItem
from resonance.gateway.logic_link import turned_down, unsendable
from resonance.ports.uplink import GatewayEnd, Parcel
from resonance.rpc.frames import DOWN
from resonance.services.link import AnswerBatch, DownFrame

log = structlog.get_logger(__name__)

BACKOFF_S = 0.2
BACKOFF_MOST_S = 5.0


class QueueOwner(Protocol):
    """What the queue tells the uplink of. No call blocks, none raises."""

    def answered(self, answers: list[SendAnswer]) -> None:
        """Messages are answered, each for the first time."""

    def turned_down(self, refusals: Sequence[tuple[SendItem, SendAnswer]]) -> None:
        """Messages are refused; they are among those answered next."""

    def again(self, items: list[SendItem]) -> tuple[list[SendItem], list[SendItem]]:
        """Divide what goes up again into what may, and what would overtake a refused message."""

    def arrived(self, link: int, frame: DownFrame) -> None:
        """Logic sent a frame for the link of this number."""

    def interrupted(self) -> None:
        """What was written for this gateway until now may not have been read: no link knows how far it is."""


class QueuedMessages:
    """Keeps one end of the queue open, and every message until it is answered.

    Attributes:
        unanswered: messages by ref, in the order in which they were sent.
    """

    def __init__(self, make: Callable[[], GatewayEnd], epoch: int, owner: QueueOwner) -> None:
        """Begin without an end.

        Args:
            make: returns a new end.
            epoch: of this run of the gateway.
        """
        self._make = make
        self._epoch = epoch
        self._owner = owner
        self.unanswered: dict[int, SendItem] = {}
        self._end: GatewayEnd | None = None
        self._open = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to open an end, and go on after every loss."""
        self._task = asyncio.create_task(self._run(), name="queue")

    async def wait_open(self) -> None:
        """Wait until everything that logic writes for this gateway from now on is read."""
        await self._open.wait()

    async def close(self) -> None:
        """End it for good."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def send(self, items: Sequence[SendItem]) -> None:
        """Send messages, in order; they are unanswered from now on."""
        for item in items:
            self.unanswered[item.ref] = item
        if self._end is not None:
            self._put(self._end, items)

    def _put(self, end: GatewayEnd, items: Sequence[SendItem]) -> None:
        refused = end.send(items)
        if refused:
            self._answer([unsendable(item) for item in refused])

    async def _run(self) -> None:
        backoff = BACKOFF_S
        while True:
            try:
                async with self._new_end() as end:
                    await end.start()
                    backoff = BACKOFF_S
                    self._begin(end)
                    while True:
                        for parcel in await end.receive():
                            self._take(parcel)
            except ServiceError as exc:
                log.warning("the queue to logic cannot be used", error=str(exc), unanswered=len(self.unanswered))
            except Exception:  # without this task nothing would be answered any more
                log.exception("the queue to logic failed")
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, BACKOFF_MOST_S)

    @asynccontextmanager
    async def _new_end(self) -> AsyncIterator[GatewayEnd]:
        end = self._make()
        try:
            yield end
        finally:
            self._end = None
            await end.close()

    def _begin(self, end: GatewayEnd) -> None:
        """Go on with a new end; links begin anew, too: what the end before has not read they believe to have given."""
        if self._open.is_set():
            self._owner.interrupted()
        self._end = end
        again, held = self._owner.again(list(self.unanswered.values()))
        if held:
            self._answer([turned_down(item, behind()) for item in held])
        self._put(end, again)
        self._open.set()

    def _take(self, parcel: Parcel) -> None:
        if parcel.epoch != self._epoch:
            return  # for a run of this gateway that is over
        try:
            frame = DOWN.loads(parcel.frame)
        except ValueError as exc:
            log.error("a record for this gateway holds no frame", error=str(exc))
            return
        if isinstance(frame, AnswerBatch):
            self._answer(frame.answers)
        else:
            self._owner.arrived(parcel.link, frame)

    def _answer(self, answers: Sequence[SendAnswer]) -> None:
        """Hand on each answer once: what logic took twice it answers twice."""
        unanswered = self.unanswered
        refusals = [(unanswered[answer.ref], answer) for answer in answers if answer.code and answer.ref in unanswered]
        if refusals:
            self._owner.turned_down(refusals)
        fresh = [answer for answer in answers if unanswered.pop(answer.ref, None) is not None]
        if fresh:
            self._owner.answered(fresh)
