"""The gateway's way to logic: a link to every instance, messages spread over them, and everything again after a loss.

Messages that arrived in one tick of the loop go up as one batch per link. Which link a message takes is decided by its
conversation, alike in every gateway, so that batches form and one logic gives a conversation's seqs. A message stays
with its link until its answer comes; when the link is lost first, it goes up again on another one, or on the next, in
order, before new ones. Messages carry keys, so none is stored twice.

With a queue (`queued.py`) messages take that instead; the links stay for routes, and for saying how far pushes are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain
from operator import attrgetter

import structlog

from resonance.config.settings import Rpc, StatusBatcher
from resonance.domain.closes import Close
from resonance.domain.content import Kind
from resonance.domain.errors import Code, ServiceError
from resonance.domain.fences import behind
from resonance.domain.model import Route, SendAnswer, SendItem
from resonance.gateway.announcements import Announcements
from resonance.gateway.logic_link import RETRY_MOST_S, LogicLink, turned_down
from resonance.gateway.order import SendingOrder
from resonance.gateway.queued import QueuedMessages
from resonance.gateway.seams import Downlink
from resonance.gateway.spread import Spread
from resonance.observe import metrics
from resonance.ports.registry import Instance
from resonance.ports.uplink import GatewayEnd
from resonance.rpc.connector import Logics
from resonance.rpc.picking import ranking
from resonance.services.link import DownFrame, Hello, Kick, PushBatch, RouteRefusal, Welcome

log = structlog.get_logger(__name__)

_ref = attrgetter("ref")


class GatewayUplink:
    """Links to every logic there is; implements `gateway.seams.Uplink`, and is the `Owner` of its links."""

    def __init__(
        self,
        gateway_id: str,
        logics: Logics,
        downlink: Downlink,
        settings: Rpc,
        batcher: StatusBatcher,
        on_link: Callable[[bool], None] = lambda _up: None,
        on_kick: Callable[[Sequence[str]], None] = lambda _devices: None,
        queue: Callable[[str, int], GatewayEnd] | None = None,
    ) -> None:
        """Begin without a link.

        Args:
            on_link: is told when the first link comes up (True) and when the last one is lost (False).
            on_kick: is told of devices that are over, beside `downlink`.
            queue: returns an end of the queue for this gateway and this run of it, where messages take that.
        """
        self.gateway_id = gateway_id
        self.epoch = time.time_ns() // 1_000_000
        self.store_epoch = ""
        self.connected = False
        self._logics = logics
        self._downlink = downlink
        self._on_link = on_link
        self._on_device_end = on_kick
        self._settings = settings
        self._batcher = batcher
        self._links: dict[str, LogicLink] = {}  # by instance
        self._announcements = Announcements(lambda: self._links.values(), settings.deadline)
        self._spread = Spread()
        self._order = SendingOrder(time.monotonic)
        self._queue: QueuedMessages | None = None
        if queue is not None:
            self._queue = QueuedMessages(lambda: queue(gateway_id, self.epoch), self.epoch, self)
        self._next_link = 1  # the number of the next link that pushes come for through the queue
        # messages that wait for a link, in the order they came, and the number of all that are unanswered
        self._unsent: list[SendItem] = []
        self._pending = 0
        self._next_ref = 1
        self._flushing = False
        # from where on something may be lacking that no logic was asked for yet
        self._lacking: int | None = None
        # whether a hello that is on its way says so
        self._lacking_told = False
        self._welcomed = asyncio.Event()
        self._closing = False
        # set for whoever waits for the last answer
        self._drained: asyncio.Future[None] | None = None
        self._later: set[asyncio.TimerHandle] = set()
        self._retiring: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ life

    async def start(self) -> None:
        """Begin to link; returns at once, `wait_connected` waits."""
        if self._queue is not None:
            self._queue.start()
        self._task = asyncio.create_task(self._follow(), name="uplink")

    async def wait_connected(self) -> None:
        """Wait until a link is up."""
        await self._welcomed.wait()

    def is_linked(self, logic: str) -> bool:
        """Say whether the link to an instance is up."""
        link = self._links.get(logic)
        return link is not None and link.up

    async def join(self) -> None:
        """Wait until every message is answered."""
        if self._pending:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained

    async def close(self) -> None:
        """End the links for good."""
        self._closing = True
        for timer in self._later:
            timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*(link.close() for link in self._links.values()), *self._retiring)
        if self._queue is not None:
            await self._queue.close()

    async def _follow(self) -> None:
        """Have a link to every instance that there is."""
        if self._queue is not None:
            await self._queue.wait_open()
        watch = self._logics.watch
        while True:
            instances = watch.instances
            try:
                self._take_over(instances)
            except Exception:  # without this task no logic would be found any more
                log.exception("links to logic could not be brought up to date")
                await asyncio.sleep(RETRY_MOST_S)
            else:
                await watch.wait(instances)

    def _take_over(self, instances: Sequence[Instance]) -> None:
        for instance in instances:
            self._meet(instance)
        gone = self._links.keys() - {instance.id for instance in instances}
        for id_ in gone if instances else ():  # a registry that knows nobody has lost its memory
            self._part(self._links[id_])
        self._spread_anew()

    def _meet(self, instance: Instance) -> None:
        link = self._links.get(instance.id)
        if link is not None:
            link.instance = instance
            return
        link = LogicLink(instance, self._logics.connector(instance), self, self._settings, self._batcher)
        self._links[instance.id] = link
        link.start()

    def _part(self, link: LogicLink) -> None:
        """Give a link up whose instance is gone; one that still works is kept until it is lost."""
        if link.up:
            return
        del self._links[link.instance.id]
        link.stop()  # at once: a welcome that is on its way would be of nobody
        task = asyncio.create_task(link.close())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

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
        """Queue one message for the batch of this tick and return its ref.

        Raises:
            ServiceError: BUSY when too many wait, or when an earlier one was refused and has to come again first.
        """
        ref = self._next_ref
        self._next_ref = ref + 1
        item = SendItem(ref, connection, sender, client_msg_id, conversation_id, to_user, kind, content, extra, trace)
        self._order.check(item)
        if self._pending >= self._settings.window or self._closing:
            self._order.put_up(item, Code.BUSY)
            raise ServiceError(Code.BUSY, "the gateway waits for too many answers: send it again later")
        self._pending += 1
        self._unsent.append(item)
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)
        return ref

    def put_off(
        self, connection: int, sender: str, client_msg_id: str, conversation_id: str, to_user: str, refusal: Code
    ) -> None:
        """Take note of a message that was refused before it was submitted: what follows it does not overtake it."""
        item = SendItem(
            self._next_ref, connection, sender, client_msg_id, conversation_id, to_user, Kind.TEXT, "", "", ""
        )
        self._next_ref += 1
        with suppress(ServiceError):  # it may have been waited for, and is again
            self._order.check(item)
        self._order.put_up(item, refusal)

    def _flush(self) -> None:
        """Send what came in since the last flush; while no link is up it waits for a welcome."""
        self._flushing = False
        if not self.connected or not self._unsent:
            return
        # the logic that has just refused an earlier one need not be where these would go
        items, held = self._order.divide(self._unsent)
        self._unsent = []
        if held:
            self.answered([turned_down(item, behind()) for item in held])
        only = self._spread.only
        if self._queue is not None:
            self._queue.send(items)
        elif only is not None:
            only.send_items(items)
        else:
            for link, part in self._spread.divide(items):
                link.send_items(part)
        metrics.uplink_unanswered.set(self._pending)

    def answered(self, answers: list[SendAnswer]) -> None:
        """Hand answers to their connections."""
        self._spread.answered(answers)
        self._order.answered(answers)
        self._pending -= len(answers)
        metrics.uplink_unanswered.set(self._pending)
        self._downlink.answers(answers)
        if self._drained is not None and not self._pending and not self._drained.done():
            self._drained.set_result(None)

    def turned_down(self, refusals: Sequence[tuple[SendItem, SendAnswer]]) -> None:
        """Take note of refusals, before they are handed on."""
        queued = self._queue.unanswered.values() if self._queue is not None else ()
        on_their_way = chain(queued, *(link.unanswered.values() for link in self._links.values()), self._unsent)
        self._order.refused(refusals, on_their_way)

    def again(self, items: list[SendItem]) -> tuple[list[SendItem], list[SendItem]]:
        """Divide what goes up again into what may, and what would overtake a refused message."""
        return self._order.divide(items)

    def _send_again(self, items: Sequence[SendItem]) -> None:
        """Send what will not be answered where it went, before what came later; what would overtake a refused message
        is refused, as it would have been there.
        """
        again, held = self._order.divide([*items, *self._unsent])
        self._unsent = sorted(again, key=_ref)
        if held:
            self.answered([turned_down(item, behind()) for item in held])

    # ------------------------------------------------------------ routes

    async def open_route(self, route: Route) -> Close | None:
        """Announce a connection and wait until logic knows it; return why it must not live, or None."""
        return await self._announcements.open(route)

    def close_route(self, connection: int) -> None:
        """Announce that a connection is gone."""
        self._announcements.close(connection)

    def announced(self, link: LogicLink, connections: Sequence[int], refused: Sequence[RouteRefusal]) -> None:
        """A logic knows connections."""
        self._announcements.known(link, connections, refused)

    def is_primary(self, link: LogicLink) -> bool:
        """Say whether logic is to tell who came and went by what this link announces: all gateways prefer the same."""
        return link is self._primary()

    def _primary(self) -> LogicLink | None:
        up = {link.instance.id: link for link in self._links.values() if link.up}
        order = ranking("primary", (link.instance for link in up.values()))
        return up[order[0].id] if order else None

    # ------------------------------------------------------------ links that come and go

    def hello(self, link: LogicLink) -> Hello:
        """Introduce this gateway, with all connections and what it may lack."""
        alone = not any(other.up for other in self._links.values() if other is not link)
        position = link.position
        if alone and self._lacking is not None:
            position = min(self._lacking, position or self._lacking)
            self._lacking_told = True
        routes = link.snapshot(list(self._announcements.routes.values()))
        return Hello(self.gateway_id, self.epoch, self.store_epoch, position, routes, alone, self._number())

    def _number(self) -> int:
        """Return a new number for a link's pushes through the queue, or 0."""
        if self._queue is None:
            return 0
        self._next_link += 1
        return self._next_link

    def welcomed(self, welcome: Welcome) -> None:
        """A link is up: what waits goes up, in order, before anything new."""
        if self.store_epoch not in ("", welcome.store_epoch):
            for other in self._links.values():
                other.forget_position()
        self.store_epoch = welcome.store_epoch
        lacking = None if self._lacking_told else self._lacking
        self._lacking = None
        was_connected, self.connected = self.connected, True
        self._spread_anew()
        heir = self._primary()
        if lacking is not None and heir is not None:  # its hello was said while another link was up
            self._ask_again(heir, lacking)
        self._downlink.refuse(welcome.refused)
        if welcome.resync:
            self._downlink.resync()
        if not was_connected:
            self._welcomed.set()
            self._on_link(True)

    def lost(self, link: LogicLink) -> None:
        """A link is lost: what was on its way goes another one, and what may not have been pushed is asked for."""
        self._send_again(link.take_unanswered())
        self._announcements.lost(link)
        if self._closing:
            return
        known = {instance.id for instance in self._logics.watch.instances}
        if known and link.instance.id not in known:
            self._part(link)
        heir = self._primary()
        if heir is not None:
            self._ask_again(heir, link.position)
        else:
            self._lacking = min(link.position, self._lacking if self._lacking is not None else link.position)
            self._lacking_told = False
            self.connected = False
            self._welcomed.clear()
            self._on_link(False)
        self._spread_anew()

    def refused(self, link: LogicLink) -> None:
        """A link was not welcomed: nobody waits for it."""
        self._announcements.lost(link)

    def _ask_again(self, heir: LogicLink, position: int) -> None:
        """Ask another logic for what the lost one may not have pushed: at once, and when what was being committed then
        is committed or never will be. It also has to know that it tells others who came and went, should this gateway
        die next.
        """
        heir.ask_again(position, signals=True)
        heir.routes.say_primary()

        def once_more() -> None:
            self._later.discard(timer)
            again = self._primary()
            if again is not None:
                again.ask_again(position, signals=False)

        timer = asyncio.get_running_loop().call_later(self._settings.deadline, once_more)
        self._later.add(timer)

    def _spread_anew(self) -> None:
        """Take note of which links there are, and send what waited for one."""
        up = [link for link in self._links.values() if link.up]
        self._spread.over(up)
        self._flush()

    # ------------------------------------------------------------ what comes down

    def pushed(self, batch: PushBatch) -> None:
        """Hand a push to the connections."""
        self._downlink.push(batch)

    def arrived(self, link: int, frame: DownFrame) -> None:
        """Take a frame from the queue; of a link that is lost only what it pushes is of use, it says nothing of where
        the next one is.
        """
        for known in self._links.values():
            if known.queued == link:
                known.take(frame)
                return
        if isinstance(frame, PushBatch):
            self.pushed(frame)

    def interrupted(self) -> None:
        """The queue has lost something: every link begins anew, with what it knows to have been given."""
        for link in self._links.values():
            link.give_up()

    def kicked(self, kick: Kick) -> None:
        """End devices' connections."""
        close = Close.of(kick.close)
        if close is None:
            log.error("unknown close code in a kick", code=kick.close)
            close = Close.LOGGED_OUT
        self._on_device_end(kick.devices)
        self._downlink.kick(kick.devices, close)
