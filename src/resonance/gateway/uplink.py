"""The gateway's end of its link to logic: batches up, answers and pushes down, and everything again after a loss.

Messages that arrived in one tick of the loop go up as one batch. Every message stays in `_unanswered` until its
answer comes; after a loss they all go up again, in order, before new ones. They carry keys, so none is stored twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence

import structlog

from resonance.config.settings import Rpc, StatusBatcher
from resonance.domain.closes import Close
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Route, SendAnswer, SendItem
from resonance.gateway.route_batcher import RouteBatcher
from resonance.gateway.seams import Downlink
from resonance.observe import metrics
from resonance.rpc.connector import Connection, Connector
from resonance.services.link import (
    AnswerBatch,
    DownBeat,
    DownFrame,
    Hello,
    Kick,
    PushBatch,
    RouteAck,
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


class GatewayUplink:
    """Keeps one link to logic open; implements `gateway.seams.Uplink`."""

    def __init__(
        self,
        gateway_id: str,
        connector: Connector,
        downlink: Downlink,
        settings: Rpc,
        batcher: StatusBatcher,
        on_link: Callable[[bool], None] = lambda _up: None,
        on_kick: Callable[[Sequence[str]], None] = lambda _devices: None,
    ) -> None:
        """Begin without a link.

        Args:
            on_link: is told when the link comes up (True) and when it is lost (False).
            on_kick: is told of devices that are over, beside `downlink`.
        """
        self.gateway_id = gateway_id
        self.epoch = time.time_ns() // 1_000_000
        self.store_epoch = ""
        self.connected = False
        self._connector = connector
        self._downlink = downlink
        self._on_link = on_link
        self._on_device_end = on_kick
        self._settings = settings
        self._routes = RouteBatcher(self, batcher, settings.deadline)
        # up to where this gateway was given everything, as told by logic
        self._position = 0
        # messages by ref, in the order they came; those from `_unsent` on have not been sent on this link
        self._unanswered: dict[int, SendItem] = {}
        self._unsent: list[SendItem] = []
        self._next_ref = 1
        self._flushing = False
        self._link: Connection | None = None
        self._lost = asyncio.Event()
        self._welcomed = asyncio.Event()
        self._heard = 0.0
        self._beat = 0
        self._closing = False
        # set for whoever waits for the last answer
        self._drained: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ life

    async def start(self) -> None:
        """Begin to link; returns at once, `wait_connected` waits."""
        self._task = asyncio.create_task(self._run(), name="uplink")

    async def wait_connected(self) -> None:
        """Wait until the link is up."""
        await self._welcomed.wait()

    async def join(self) -> None:
        """Wait until every message is answered."""
        if self._unanswered:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained

    async def close(self) -> None:
        """End the link for good."""
        self._closing = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # ------------------------------------------------------------ messages

    def submit(
        self,
        connection: int,
        sender: str,
        client_msg_id: str,
        conversation_id: str,
        to_user: str,
        kind: int,
        content: str,
        extra: str,
        trace: str,
    ) -> int:
        """Queue one message for the batch of this tick and return its ref. Raises BUSY when too many wait."""
        if len(self._unanswered) >= self._settings.window or self._closing:
            raise ServiceError(Code.BUSY, "the gateway waits for too many answers: send it again later")
        ref = self._next_ref
        self._next_ref = ref + 1
        item = SendItem(ref, connection, sender, client_msg_id, conversation_id, to_user, kind, content, extra, trace)
        self._unanswered[ref] = item
        self._unsent.append(item)
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)
        return ref

    def _flush(self) -> None:
        """Send what came in since the last flush; while the link is down it waits for the welcome."""
        self._flushing = False
        if not self.connected:
            return
        items, self._unsent = self._unsent, []
        self._send_items(items)

    def _send_items(self, items: list[SendItem]) -> None:
        for start in range(0, len(items), BATCH_MAX):
            batch = items[start : start + BATCH_MAX]
            try:
                self.send(SendBatch(batch))
            except ValueError:
                self._send_apart(batch)
        metrics.uplink_unanswered.set(len(self._unanswered))

    def _send_apart(self, items: list[SendItem]) -> None:
        """Send the items of a batch that no packet carries one by one, and refuse those that it is because of.

        Kept, such an item would stop everything behind it on this link and on each one after it.
        """
        for item in items:
            try:
                self.send(SendBatch([item]))
            except ValueError as exc:
                log.error("a decoder let through what no packet carries", connection=item.connection, error=str(exc))
                self._on_answers([_unsendable(item)])

    # ------------------------------------------------------------ routes

    async def open_route(self, route: Route) -> Close | None:
        """Announce a connection and wait until logic knows it; return why it must not live, or None."""
        return await self._routes.open(route)

    def close_route(self, connection: int) -> None:
        """Announce that a connection is gone."""
        self._routes.close(connection)

    # ------------------------------------------------------------ the link

    def send(self, frame: UpFrame) -> None:
        """Put a frame on its way up, if there is a link."""
        if self._link is not None:
            self._link.send(frame)

    async def _run(self) -> None:
        """Keep a link open: connect, live until it is lost, wait a random while, connect again."""
        delay = RETRY_FIRST_S
        try:
            while True:
                if await self._connect():
                    delay = RETRY_FIRST_S
                    await self._live()
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
            log.warning("logic cannot be reached", error=str(exc))
            return False
        routes = self._routes.snapshot()
        self._heard = time.monotonic()
        self.send(Hello(self.gateway_id, self.epoch, self.store_epoch, self._position, routes))
        welcomed = asyncio.create_task(self._welcomed.wait())
        lost = asyncio.create_task(self._lost.wait())
        await asyncio.wait({welcomed, lost}, timeout=self._settings.deadline, return_when=asyncio.FIRST_COMPLETED)
        for waiter in (welcomed, lost):
            waiter.cancel()
        if not self.connected:
            await self._drop()
        return self.connected

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
                log.warning("logic is silent")
                break
        metrics.uplink_reconnects.inc()
        log.warning("the link to logic is lost", unanswered=len(self._unanswered))
        await self._drop()

    async def _drop(self) -> None:
        if self.connected:
            self.connected = False
            self._on_link(False)
        self._welcomed.clear()
        if self._link is not None:
            link, self._link = self._link, None
            await link.close()

    # ------------------------------------------------------------ frames from logic

    def _on_frame(self, frame: DownFrame) -> None:
        self._heard = time.monotonic()
        if isinstance(frame, AnswerBatch):
            self._on_answers(frame.answers)
        elif isinstance(frame, PushBatch):
            self._position = max(self._position, frame.position)
            self._downlink.push(frame)
        elif isinstance(frame, DownBeat):
            self._position = max(self._position, frame.position)
        elif isinstance(frame, RouteAck):
            self._routes.acked(frame)
        elif isinstance(frame, Kick):
            self._on_kick(frame)
        else:
            self._on_welcome(frame)

    def _on_answers(self, answers: list[SendAnswer]) -> None:
        """Hand on each answer once: a message sent again may be answered twice."""
        unanswered = self._unanswered
        fresh = [answer for answer in answers if unanswered.pop(answer.ref, None) is not None]
        metrics.uplink_unanswered.set(len(unanswered))
        self._downlink.answers(fresh)
        if self._drained is not None and not unanswered and not self._drained.done():
            self._drained.set_result(None)

    def _on_kick(self, kick: Kick) -> None:
        close = Close.of(kick.close)
        if close is None:
            log.error("unknown close code in a kick", code=kick.close)
            close = Close.LOGGED_OUT
        self._on_device_end(kick.devices)
        self._downlink.kick(kick.devices, close)

    def _on_welcome(self, welcome: Welcome) -> None:
        """The link is up: everything unanswered goes up again, in order, before anything new."""
        if self.store_epoch not in ("", welcome.store_epoch):
            self._position = 0
        self.store_epoch = welcome.store_epoch
        self._position = max(self._position, welcome.position)
        if not self.connected:
            self.connected = True
            self._unsent = []
            self._send_items(list(self._unanswered.values()))
            self._routes.welcomed(welcome.refused)
            self._welcomed.set()
            self._on_link(True)
        self._downlink.refuse(welcome.refused)
        if welcome.resync:
            self._downlink.resync()


def _unsendable(item: SendItem) -> SendAnswer:
    """Return the refusal of an item that no packet carries; its key is told as far as one can."""
    return SendAnswer(
        item.ref,
        item.connection,
        message_id=0,
        seq=0,
        ordinal=0,
        created_at=0,
        conversation_id="",
        client_msg_id=item.client_msg_id.encode(errors="replace").decode(),
        code=Code.INVALID_ARGUMENT.text,
        error="a field holds half a surrogate pair, which is no character, or a number over 64 bits",
    )
