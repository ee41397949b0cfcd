"""Logic's end of the gateways' links: routes in, answers and pushes out.

A session handles its frames in order; messages go to the pipeline at once, frames about routes are worked off by one
task per session, and what the gateway missed is repeated by another one, so that no route waits for that. A gateway
whose link is lost keeps its routes until its lease ends, so that a short break does not make its users blink.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog

from resonance.config.settings import Rpc
from resonance.domain.closes import Close
from resonance.domain.errors import ServiceError
from resonance.domain.model import DeviceState, Route, SendAnswer, SendItem
from resonance.logic.catch_up import CatchUp, Recovery
from resonance.logic.devices import CLOSES
from resonance.logic.queued import LogicQueue
from resonance.observe import metrics
from resonance.ports.routes import RouteChange, Routes
from resonance.ports.store import Store
from resonance.services.link import (
    AnswerBatch,
    CaughtUp,
    DownBeat,
    DownFrame,
    Hello,
    Kick,
    LinkService,
    LinkSession,
    Missed,
    PushBatch,
    RouteAck,
    RouteDelta,
    RouteRefusal,
    SendBatch,
    UpBeat,
    UpFrame,
    Welcome,
)

log = structlog.get_logger(__name__)

GIVEN_UP_MOST = 1_000
"""Gateways that are gone and remembered."""


class Links:
    """The gateways that are linked now, and the way down to each; also ends devices' connections (`seams.Kicker`)."""

    def __init__(self) -> None:
        self.sessions: dict[str, GatewaySession] = {}

    def send(self, gateway: str, frame: DownFrame) -> None:
        """Send a frame to a gateway; one that is not linked now gets it by the replay when it comes back."""
        session = self.sessions.get(gateway)
        if session is not None:
            session.send(frame)

    async def kick(self, devices: Sequence[str], close: Close) -> None:
        """End every connection of these devices, on all gateways."""
        if devices:
            for session in list(self.sessions.values()):
                session.send(Kick(list(devices), close.number))


class ItemSink(Protocol):
    """What a session needs of the pipeline."""

    def put(self, sink: GatewaySession, items: Sequence[SendItem]) -> None:
        """Queue items; their answers come to `sink.answer`."""


class RoutesChanged(Protocol):
    """What a session tells of users who came and went."""

    def __call__(self, change: RouteChange, *, tell: bool) -> Awaitable[None]:
        """Take note of it; `tell` others, or leave that to another logic."""


class LinkHub(LinkService):
    """Accepts gateways' links."""

    def __init__(
        self,
        store: Store,
        routes: Routes,
        links: Links,
        pipeline: ItemSink,
        recovery: Recovery,
        routes_changed: RoutesChanged,
        settings: Rpc,
        store_epoch: str,
        queue: LogicQueue | None = None,
    ) -> None:
        self.store = store
        self.queue = queue
        self.routes = routes
        self.links = links
        self.pipeline = pipeline
        self.recovery = recovery
        self.routes_changed = routes_changed
        self.settings = settings
        self.store_epoch = store_epoch
        # sessions whose task still runs, linked or being wound up
        self.open_sessions: set[GatewaySession] = set()
        # by gateway that is cut off, the session with whose loss its lease began
        self.leases: dict[str, GatewaySession] = {}
        # gateways whose lease has ended, and whose users this logic has told others to be gone
        self.given_up: dict[str, bool] = {}

    def open(self, send: Callable[[DownFrame], None], end: Callable[[], None]) -> LinkSession:
        return GatewaySession(self, send, end)

    async def close(self) -> None:
        """End every link."""
        sessions = list(self.open_sessions)
        for session in sessions:
            session.end()
        await asyncio.gather(*(session.stopped() for session in sessions))

    def epoch(self, gateway: str) -> int | None:
        """Return which run of a gateway is linked now, or None."""
        session = self.links.sessions.get(gateway)
        return None if session is None else session.epoch

    def give_up(self, gateway: str) -> None:
        """Remember that others are told of a gateway's users that they are gone; ids that never come back are many
        only where each start makes a new one.
        """
        self.given_up[gateway] = True
        if len(self.given_up) > GIVEN_UP_MOST:
            del self.given_up[next(iter(self.given_up))]

    def end_queued(self) -> None:
        """End the links of all gateways that read the queue."""
        for session in list(self.open_sessions):
            if session.queued:
                session.end()

    async def refusals(self, routes: Sequence[Route]) -> list[RouteRefusal]:
        """Return the connections whose devices are over: read after their routes are written, so that a kick which
        scans routes after writing the device's state cannot miss one.
        """
        if not routes:
            return []
        states = await self.store.device_states(sorted({route.device_id for route in routes}))
        refused = []
        for route in routes:
            state = states.get(route.device_id)
            if state is None:
                refused.append(RouteRefusal(route.connection, Close.TOKEN_INVALID.number))
            elif state != DeviceState.ACTIVE:
                refused.append(RouteRefusal(route.connection, CLOSES[DeviceState(state)].number))
        return refused


class GatewaySession(LinkSession):
    """One gateway's link, from its `Hello` until it is lost; an `AnswerSink` of the pipeline.

    Attributes:
        queued: whether its pushes take the queue.
        welcomed: whether its routes are known.
    """

    def __init__(self, hub: LinkHub, send: Callable[[DownFrame], None], end: Callable[[], None]) -> None:
        self.gateway = ""
        self.way = object()
        self._hub = hub
        self._send: Callable[[DownFrame], None] | None = send
        self._end = end
        self.epoch = 0
        self.queued = False
        self.welcomed = False
        # where the gateway stood when it said hello; None once this link has given it what it missed
        self._behind: int | None = None
        # whether this logic, of all that the gateway is linked to, tells others who came and went
        self._primary = False
        # frames about routes, in order, for this session's task; None ends it
        self._frames: asyncio.Queue[Hello | RouteDelta | Missed | None] = asyncio.Queue()
        # what is repeated to the gateway; begins once it is welcomed
        self._catch_up = CatchUp(self.end)
        self._heard = asyncio.get_running_loop().time()
        self._task = asyncio.create_task(self._run(), name="link")
        self._watch = asyncio.get_running_loop().call_later(hub.settings.heartbeat, self._check_heartbeat)
        hub.open_sessions.add(self)

    # ------------------------------------------------------------ frames

    def send(self, frame: DownFrame) -> None:
        """Put a frame on its way down, unless the link is lost.

        A gateway that lacks something is told of no position beyond: should the link break now, the next one goes on
        from there.
        """
        if self._send is not None:
            self._send(frame if self._behind is None else _at(self._behind, frame))

    def answer(self, answers: list[SendAnswer]) -> None:
        """Bring answers of the pipeline to the gateway."""
        self.send(AnswerBatch(answers))

    def receive(self, frame: UpFrame) -> None:
        self._heard = asyncio.get_running_loop().time()
        if isinstance(frame, SendBatch):
            self._hub.pipeline.put(self, frame.items)
        elif isinstance(frame, UpBeat):
            self.send(DownBeat(frame.number, self._hub.recovery.position))
            self._hub.routes.renew(self.gateway, self.epoch)
        else:
            if isinstance(frame, Hello):
                self._introduce(frame)
            self._frames.put_nowait(frame)

    def _introduce(self, hello: Hello) -> None:
        self.gateway = hello.gateway
        if not hello.queued or self._send is None:
            return
        if self._hub.queue is None:
            log.error(
                "a gateway sends through Kafka, and this logic does not read it: see `uplink`", gateway=self.gateway
            )
            return
        self.queued = True
        self._send = self._hub.queue.divert(hello, self._send, self.end)

    def lost(self) -> None:
        if self._send is None:
            return
        self._send = None
        self._watch.cancel()
        self._catch_up.end()
        self._frames.put_nowait(None)

    def end(self) -> None:
        """End the link from this side."""
        if self._send is not None:
            self.lost()
            self._end()

    async def stopped(self) -> None:
        """Wait until this session has nothing left to do, at once."""
        self._task.cancel()
        await asyncio.gather(self._task, self._catch_up.join(), return_exceptions=True)

    def _check_heartbeat(self) -> None:
        """End a link that was silent for three heartbeats."""
        loop = asyncio.get_running_loop()
        beat = self._hub.settings.heartbeat
        if loop.time() - self._heard > 3 * beat:
            log.warning("link silent", gateway=self.gateway)
            self.end()
        else:
            self._watch = loop.call_later(beat, self._check_heartbeat)

    # ------------------------------------------------------------ routes

    async def _run(self) -> None:
        try:
            while (frame := await self._frames.get()) is not None:
                if self._send is None:
                    continue  # the gateway's next snapshot says what became of it
                try:
                    await self._take(frame)
                except ServiceError as exc:
                    log.warning("link ended: its routes could not be taken", gateway=self.gateway, error=str(exc))
                    self.end()
                except Exception:  # without this task the link would live on and no client become ready
                    log.exception("link ended: logic failed on its routes", gateway=self.gateway)
                    self.end()
            await self._outlive()
        except Exception:  # nobody waits for this task to hear of it
            log.exception("the routes of a lost gateway could not be ended", gateway=self.gateway)
        finally:
            self._hub.open_sessions.discard(self)

    async def _take(self, frame: Hello | RouteDelta | Missed) -> None:
        if isinstance(frame, Hello):
            await self._hello(frame)
        elif isinstance(frame, RouteDelta):
            await self._delta(frame)
        else:
            self._missed(frame)

    async def _hello(self, hello: Hello) -> None:
        """Take the gateway's snapshot, welcome it, and repeat what it missed."""
        hub = self._hub
        older = hub.links.sessions.get(hello.gateway)
        if older is not None and older.epoch > hello.epoch:
            log.warning("a newer gateway of this id is linked", gateway=hello.gateway)
            self.end()
            return
        if older is not None and older is not self:
            older.end()
        self.epoch = hello.epoch
        self._primary = hello.alone
        missed = bool(hello.routes)
        same_store = hello.store_epoch == hub.store_epoch
        if missed and same_store:
            # who was linked to others, and never to this logic, lacks what this one has committed since its start
            self._behind = hello.position or (0 if hello.alone else hub.recovery.started)
        hub.links.sessions[hello.gateway] = self
        metrics.logic_gateways.set(len(hub.links.sessions))
        await self._succeed(hub.leases.pop(hello.gateway, None))
        change = await hub.routes.replace(hello.gateway, hello.epoch, hello.routes)
        refused = await hub.refusals(hello.routes)
        self.send(Welcome(hub.store_epoch, hub.recovery.position, missed and not same_store, refused))
        self.welcomed = True
        await hub.routes_changed(change, tell=self._is_to_take_back() or hello.alone or hub.routes.shared)
        if (behind := self._behind) is not None:
            own = not hello.alone and not hello.position
            self._catch_up.put(lambda: self._repeat(behind, own=own))

    def _is_to_take_back(self) -> bool:
        """Say whether others believe that this gateway's users are gone, because it was away for longer than its lease:
        it may have been linked to other logics, which had no reason to tell.
        """
        return self._hub.given_up.pop(self.gateway, False)

    async def _succeed(self, lapsed: GatewaySession | None) -> None:
        """Drop the routes of a run of this gateway that is over and seems newer: the clock went back between the two,
        and its lease would shut out what is there now.
        """
        if lapsed is not None and lapsed.epoch > self.epoch:
            log.warning("the clock of this gateway went back", gateway=self.gateway)
            change = await self._hub.routes.drop(self.gateway, lapsed.epoch)
            await self._hub.routes_changed(change, tell=self._primary or self._hub.routes.shared)

    async def _delta(self, delta: RouteDelta) -> None:
        hub = self._hub
        self._primary = delta.primary
        change = await hub.routes.apply(self.gateway, self.epoch, delta.opened, delta.closed)
        self.send(RouteAck(delta.number, await hub.refusals(delta.opened)))
        await hub.routes_changed(change, tell=delta.primary or hub.routes.shared)

    async def _outlive(self) -> None:
        """Keep the lost gateway's routes for its lease; drop them unless it came back meanwhile."""
        hub = self._hub
        if hub.links.sessions.get(self.gateway) is not self:
            return
        del hub.links.sessions[self.gateway]
        metrics.logic_gateways.set(len(hub.links.sessions))
        hub.leases[self.gateway] = self
        await asyncio.sleep(hub.settings.lease)
        if hub.leases.get(self.gateway) is self:
            del hub.leases[self.gateway]
            change = await hub.routes.drop(self.gateway, self.epoch)
            if self._primary and not hub.routes.shared:
                hub.give_up(self.gateway)
            await hub.routes_changed(change, tell=self._primary or hub.routes.shared)

    # ------------------------------------------------------------ what the gateway missed

    async def _repeat(self, position: int, *, own: bool) -> None:
        """Repeat what the gateway missed on this link, or have its clients sync."""
        repeated = await self._hub.recovery.replay(self.gateway, position, own=own, signals=not own)
        self._behind = None
        if not repeated:
            self._resync()

    def _missed(self, missed: Missed) -> None:
        """Repeat what the gateway missed by losing its link to another logic; have its clients sync when it asks for
        more than ever is to be repeated.
        """

        async def repeat() -> None:
            if not await self._hub.recovery.replay(self.gateway, missed.position, signals=missed.signals):
                self._resync()
            self.send(CaughtUp(missed.number))

        if not self._catch_up.put(repeat):
            log.warning("a gateway asks for too much again: its clients sync instead", gateway=self.gateway)
            self._resync()
            self.send(CaughtUp(missed.number))

    def _resync(self) -> None:
        self.send(Welcome(self._hub.store_epoch, self._hub.recovery.position, True, []))


def _at(position: int, frame: DownFrame) -> DownFrame:
    """Return a frame that tells of this position, if it tells of one."""
    return frame._replace(position=position) if isinstance(frame, Welcome | PushBatch | DownBeat) else frame
