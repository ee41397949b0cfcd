"""One link of a gateway to one logic: kept open, watched, and what is on its way on it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Sequence
from typing import Protocol

import structlog

from resonance.config.settings import Rpc, StatusBatcher
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Route, SendAnswer, SendItem
from resonance.gateway.route_batcher import RouteBatcher
from resonance.observe import metrics
from resonance.ports.registry import Instance
from resonance.rpc.connector import Connection, Connector
from resonance.services.link import (
    AnswerBatch,
    CaughtUp,
    DownBeat,
    DownFrame,
    Hello,
    Kick,
    Missed,
    PushBatch,
    RouteAck,
    RouteRefusal,
    SendBatch,
    UpBeat,
    UpFrame,
    Welcome,
)

log = structlog.get_logger(__name__)

BATCH_MAX = 512
"""Messages in one frame at most."""
RETRY_FIRST_S = 0.1
RETRY_MOST_S = 5.0


class Owner(Protocol):
    """What a link tells the uplink of. No call blocks, none raises."""

    def hello(self, link: LogicLink) -> Hello:
        """Return what to introduce this gateway with."""

    def is_primary(self, link: LogicLink) -> bool:
        """Say whether logic is to tell others who came and went, as this link announces it."""

    def welcomed(self, welcome: Welcome) -> None:
        """A link is up, or a welcome came again because clients have to sync."""

    def lost(self, link: LogicLink) -> None:
        """The link, which was up, is lost."""

    def refused(self, link: LogicLink) -> None:
        """The link was not welcomed."""

    def answered(self, answers: list[SendAnswer]) -> None:
        """Messages are answered, each for the first time."""

    def turned_down(self, refusals: Sequence[tuple[SendItem, SendAnswer]]) -> None:
        """Messages are refused; they are among those answered next."""

    def announced(self, link: LogicLink, connections: Sequence[int], refused: Sequence[RouteRefusal]) -> None:
        """Logic knows these connections now, and will not have some of them."""

    def pushed(self, batch: PushBatch) -> None:
        """Logic pushes."""

    def kicked(self, kick: Kick) -> None:
        """Devices are over."""


class LogicLink:
    """Keeps one link open from `start` to `close`.

    Attributes:
        instance: the logic at its other end.
        up: whether the link is open and welcomed.
        routes: announces connections on this link.
        unanswered: messages that went up here, by ref, in the order they came.
        queued: the number that frames through the queue carry if they are of this link as it is now; 0 for none.
    """

    def __init__(
        self, instance: Instance, connector: Connector, owner: Owner, settings: Rpc, batcher: StatusBatcher
    ) -> None:
        self.instance = instance
        self.up = False
        self.unanswered: dict[int, SendItem] = {}
        self.queued = 0
        self.routes = RouteBatcher(self, batcher)
        self._connector = connector
        self._owner = owner
        self._settings = settings
        # up to where this logic says it has given this gateway everything
        self._position = 0
        # what other logics may have left behind and this one was asked to repeat: by number, from where on
        self._owed: dict[int, int] = {}
        self._owed_number = 0
        self._link: Connection | None = None
        self._lost = asyncio.Event()
        self._welcomed = asyncio.Event()
        self._heard = 0.0
        self._beat = 0
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """Begin to link, and go on after every loss."""
        self._task = asyncio.create_task(self._run(), name=f"link {self.instance.id}")

    def stop(self) -> None:
        """Begin to end the link for good: from now on it takes no frame."""
        self._closing = True
        if self._task is not None:
            self._task.cancel()

    async def close(self) -> None:
        """End the link for good."""
        self.stop()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def give_up(self) -> None:
        """End the link as it is, as if it had broken; a new one is opened."""
        self.queued = 0
        self._lost.set()

    # ------------------------------------------------------------ positions

    @property
    def position(self) -> int:
        """Up to where this gateway was given everything that this logic has to give."""
        return min((self._position, *self._owed.values()))

    def forget_position(self) -> None:
        """Forget what was given: it was of another store."""
        self._position = 0
        self._owed.clear()

    def ask_again(self, position: int, *, signals: bool) -> None:
        """Ask logic to repeat what was committed after a position, because another link to logic was lost."""
        self._owed_number += 1
        self._owed[self._owed_number] = position
        self.send(Missed(self._owed_number, position, signals))

    # ------------------------------------------------------------ up

    def send(self, frame: UpFrame) -> None:
        """Put a frame on its way up, if there is a link."""
        if self._link is not None:
            self._link.send(frame)

    @property
    def is_primary(self) -> bool:
        """Whether logic is to tell others who came and went, as this link announces it."""
        return self._owner.is_primary(self)

    def send_items(self, items: Sequence[SendItem]) -> None:
        """Send messages, in order; they are unanswered from now on."""
        unanswered = self.unanswered
        for item in items:
            unanswered[item.ref] = item
        for start in range(0, len(items), BATCH_MAX):
            batch = list(items[start : start + BATCH_MAX])
            try:
                self.send(SendBatch(batch))
            except ValueError:
                self._send_apart(batch)

    def _send_apart(self, items: list[SendItem]) -> None:
        """Send the items of a batch that no packet carries one by one, and refuse those that it is because of.

        Kept, such an item would stop everything behind it on this link and on each one after it.
        """
        for item in items:
            try:
                self.send(SendBatch([item]))
            except ValueError as exc:
                log.error("a decoder let through what no packet carries", connection=item.connection, error=str(exc))
                self._on_answers([unsendable(item)])

    def take_unanswered(self) -> list[SendItem]:
        """Take over the messages whose answers will not come any more, in order."""
        items = list(self.unanswered.values())
        self.unanswered = {}
        return items

    # ------------------------------------------------------------ the link

    async def _run(self) -> None:
        """Keep a link open: connect, live until it is lost, wait a random while, connect again."""
        delay = RETRY_FIRST_S
        try:
            while True:
                try:
                    if await self._connect():
                        delay = RETRY_FIRST_S
                        await self._live()
                except Exception:  # an address that is none, for one: without this task nobody would link again
                    log.exception("a link to logic failed; it is tried again", logic=self.instance.id)
                    await self._drop()
                await asyncio.sleep(random.uniform(0, delay))
                delay = min(delay * 2, RETRY_MOST_S)
        finally:
            await self._drop()

    async def _connect(self) -> bool:
        """Open a link and say hello on it; return whether it was welcomed."""
        self._lost.clear()
        try:
            self._link = await self._connector.connect(self._on_frame, self._lost.set)
        except ServiceError as exc:
            log.warning("logic cannot be reached", logic=self.instance.id, error=str(exc))
            return False
        self._heard = time.monotonic()
        hello = self._owner.hello(self)
        self.queued = hello.queued
        self.send(hello)
        welcomed = asyncio.create_task(self._welcomed.wait())
        lost = asyncio.create_task(self._lost.wait())
        await asyncio.wait({welcomed, lost}, timeout=self._settings.deadline, return_when=asyncio.FIRST_COMPLETED)
        for waiter in (welcomed, lost):
            waiter.cancel()
        if not self.up:
            await self._drop()
        return self.up

    async def _live(self) -> None:
        """Send heartbeats until the link is lost or silent for three of them."""
        beat = self._settings.heartbeat
        while not self._lost.is_set():
            self._beat += 1
            self.send(UpBeat(self._beat))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(beat):  # wait_for would swallow a cancellation that comes with the loss
                    await self._lost.wait()
            if time.monotonic() - self._heard > 3 * beat:
                log.warning("logic is silent", logic=self.instance.id)
                break
        metrics.uplink_reconnects.inc()
        log.warning("a link to logic is lost", logic=self.instance.id, unanswered=len(self.unanswered))
        await self._drop()

    async def _drop(self) -> None:
        link, self._link = self._link, None
        self.queued = 0
        self._welcomed.clear()
        self.routes.stop()
        if self.up:
            self.up = False
            self._owner.lost(self)
            self._owed.clear()
        else:
            self._owner.refused(self)
        if link is not None:
            await link.close()

    # ------------------------------------------------------------ frames from logic

    def _on_frame(self, frame: DownFrame) -> None:
        if self._link is None or self._closing:  # it was given up, and what comes now is asked for again
            return
        self._heard = time.monotonic()
        self.take(frame)

    def take(self, frame: DownFrame) -> None:
        """Take a frame from logic, whichever way it came."""
        if isinstance(frame, AnswerBatch):
            self._on_answers(frame.answers)
        elif isinstance(frame, PushBatch):
            self._position = max(self._position, frame.position)
            self._owner.pushed(frame)
        elif isinstance(frame, DownBeat):
            self._position = max(self._position, frame.position)
        elif isinstance(frame, RouteAck):
            self._owner.announced(self, self.routes.acked(frame.number), frame.refused)
        elif isinstance(frame, Kick):
            self._owner.kicked(frame)
        elif isinstance(frame, CaughtUp):
            self._owed.pop(frame.number, None)
        else:
            self._on_welcome(frame)

    def _on_answers(self, answers: list[SendAnswer]) -> None:
        """Hand on each answer once: a message sent again may be answered twice."""
        unanswered = self.unanswered
        refusals = [(unanswered[answer.ref], answer) for answer in answers if answer.code and answer.ref in unanswered]
        if refusals:
            self._owner.turned_down(refusals)
        fresh = [answer for answer in answers if unanswered.pop(answer.ref, None) is not None]
        self._owner.answered(fresh)

    def _on_welcome(self, welcome: Welcome) -> None:
        if not self.up:
            self.up = True
            self._welcomed.set()
            self._owner.welcomed(welcome)
            self._owner.announced(self, self.routes.welcomed(), welcome.refused)
        else:
            self._owner.welcomed(welcome)
        self._position = max(self._position, welcome.position)

    def snapshot(self, routes: Sequence[Route]) -> list[Route]:
        """Begin to announce on this link, with these connections; return them."""
        return self.routes.begin(routes)


def unsendable(item: SendItem) -> SendAnswer:
    """Return the refusal of an item that no packet carries; its key is told as far as one can."""
    text = "a field holds half a surrogate pair, which is no character, or a number over 64 bits"
    return turned_down(item, ServiceError(Code.INVALID_ARGUMENT, text))


def turned_down(item: SendItem, error: ServiceError) -> SendAnswer:
    """Return a refusal of this gateway's own."""
    return SendAnswer(
        item.ref,
        item.connection,
        message_id=0,
        seq=0,
        ordinal=0,
        created_at=0,
        conversation_id="",
        client_msg_id=item.client_msg_id.encode(errors="replace").decode(),
        code=error.code.text,
        error=error.message,
    )
