"""Logic's live half on a real store, as the role puts it together, and gateways that write down what they are sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from resonance.config import Settings
from resonance.domain.content import Kind
from resonance.domain.ids import UserId
from resonance.domain.model import Caller, DeviceState, Entry, NewUser, Route, SendAnswer, SendItem
from resonance.domain.signals import Signal
from resonance.engines.memory.routes import MemoryRoutes
from resonance.logic.census import Census
from resonance.logic.conversations import ConversationsLogic
from resonance.logic.delivery import LiveDelivery
from resonance.logic.friends import FriendsLogic
from resonance.logic.links import LinkHub, Links
from resonance.logic.messages import MessageService
from resonance.logic.pipeline import Pipeline
from resonance.logic.presence import PresenceTracker
from resonance.logic.role import wall_ms
from resonance.logic.snowflake import Snowflakes
from resonance.logic.states import States
from resonance.ports.routes import Routes
from resonance.ports.store import NewDevice, Store
from resonance.services.link import (
    AnswerBatch,
    DownFrame,
    Hello,
    LinkSession,
    PushBatch,
    RouteAck,
    RouteDelta,
    SendBatch,
    UpFrame,
    Welcome,
)
from tests.unit.logic.binding import bound

F = TypeVar("F")
FOREVER = 2**52
PATIENCE_S = 20


def caller(user_id: str) -> Caller:
    """Return who calls for somebody."""
    return Caller(UserId(user_id), 0, f"device-{user_id}")


def route(user_id: str, connection: int) -> Route:
    """Return a connection of somebody's only device."""
    return Route(user_id, connection, 0, f"device-{user_id}", "127.0.0.1")


def text(ref: int, sender: str, conversation_id: str, key: str = "", *, to: str = "", content: str = "hi") -> SendItem:
    """Return a text message on its way from a gateway."""
    return SendItem(ref, 0, sender, key or f"k{ref}", conversation_id, to, Kind.TEXT, content, "", "")


class Gateway:
    """A gateway's end of a link: sends frames up and keeps what comes down."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.frames: list[DownFrame] = []
        self.ended = False
        self._arrived = asyncio.Event()
        self._session: LinkSession | None = None
        self._deltas = 0

    async def link(
        self,
        hub: LinkHub,
        routes: Sequence[Route],
        *,
        epoch: int = 1,
        store_epoch: str = "",
        position: int = 0,
        alone: bool = True,
    ) -> Welcome:
        """Open a link with a snapshot of these connections and wait for the welcome."""
        self._session = hub.open(self._take, self._end)
        before = len(self.of(Welcome))
        self.send(Hello(self.name, epoch, store_epoch or hub.store_epoch, position, list(routes), alone))
        await self.until(lambda: self.ended or len(self.of(Welcome)) > before)
        return self.of(Welcome)[-1]

    async def open(self, *routes: Route) -> RouteAck:
        """Announce connections and wait until logic knows them."""
        self._deltas += 1
        self.send(RouteDelta(self._deltas, list(routes), []))
        await self.until(lambda: any(ack.number == self._deltas for ack in self.of(RouteAck)))
        return self.of(RouteAck)[-1]

    def send(self, frame: UpFrame) -> None:
        """Send a frame up."""
        assert self._session is not None
        self._session.receive(frame)

    def submit(self, *items: SendItem) -> None:
        """Send messages up."""
        self.send(SendBatch(list(items)))

    def cut(self) -> None:
        """Lose the link."""
        assert self._session is not None
        self._session.lost()

    def of(self, kind: type[F]) -> list[F]:
        """Return what came down of one kind of frame."""
        return [frame for frame in self.frames if isinstance(frame, kind)]

    @property
    def answers(self) -> list[SendAnswer]:
        """Every answer, in order."""
        return [answer for batch in self.of(AnswerBatch) for answer in batch.answers]

    def pushed(self, user_id: str) -> list[Entry]:
        """Return every entry that was pushed to somebody, in order."""
        return [
            entry
            for batch in self.of(PushBatch)
            for push in batch.pushes
            if user_id in push.users
            for entry in push.entries
        ]

    def signalled(self, user_id: str) -> list[Signal]:
        """Return every signal that was pushed to somebody, in order."""
        return [push.signal for batch in self.of(PushBatch) for push in batch.signals if user_id in push.users]

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait for frames until something is so."""
        async with asyncio.timeout(PATIENCE_S):
            while not reached():
                self._arrived.clear()
                await self._arrived.wait()

    def _take(self, frame: DownFrame) -> None:
        self.frames.append(frame)
        self._arrived.set()

    def _end(self) -> None:
        self.ended = True
        self._arrived.set()


class Live:
    """Pipeline, delivery, links and presence of one logic. `running` starts and ends it."""

    def __init__(self, store: Store, settings: Settings, owner: str, routes: Routes) -> None:
        self.store = store
        store = bound(store)
        self.settings = settings
        self.hub: LinkHub  # from `running` on
        self.ahead_ms = 0  # how far logic's clock is ahead of the wall's
        self.routes = routes
        self.links = Links()
        self.states = States(store)
        self.ids = Snowflakes(store, owner)
        self.delivery = LiveDelivery(store, self.states, self.routes, self.links, self.clock, self.ids.is_own)
        self.pipeline = Pipeline(
            store,
            self.states,
            self.ids,
            self.delivery,
            settings.messages,
            settings.friends,
            self.clock,
            clock_s=self.monotonic,
        )
        self.presence = PresenceTracker(store, self.routes, self.delivery, settings.presence, self.clock)
        self.messages = MessageService(store, self.pipeline, self.delivery, self.states, Census(store))
        self.conversations = ConversationsLogic(
            store, self.states, self.ids, settings.groups, self.clock, Census(store)
        )
        self.friends = FriendsLogic(store, self.presence, self.states, settings.friends)

    def clock(self) -> int:
        """Logic's clock, in ms."""
        return wall_ms() + self.ahead_ms

    def monotonic(self) -> float:
        """The clock that never goes back, in s."""
        return time.monotonic() + self.ahead_ms / 1000

    async def people(self, *names: str) -> list[Caller]:
        """Make accounts, each with a device."""
        for name in names:
            await self.store.create_user(NewUser(UserId(name), name.title(), ""))
            await self.store.open_device(NewDevice(f"device-{name}", name, 0, "", "", FOREVER, False, 9))
        return [caller(name) for name in names]

    async def end_device(self, user_id: str) -> None:
        """Revoke somebody's device."""
        await self.store.close_devices(user_id, [], DeviceState.REVOKED)

    async def send(self, sender: str, conversation_id: str, **fields: str) -> SendAnswer:
        """Send one message and wait for its answer."""
        number = self.ids.next()
        return await self.messages.send(caller(sender), text(number, sender, conversation_id, **fields))


@asynccontextmanager
async def running(
    store: Store, owner: str = "live", routes: Routes | None = None, **sections: dict[str, object]
) -> AsyncIterator[Live]:
    """Run a logic with these settings by section; every task of it has ended afterwards."""
    live = Live(store, Settings.model_validate(sections), owner, routes or MemoryRoutes())
    await live.ids.renew()
    await live.delivery.start_sweep()
    epoch = (await store.info()).epoch
    live.hub = LinkHub(
        bound(store),
        live.routes,
        live.links,
        live.pipeline,
        live.delivery,
        live.presence.changed,
        live.settings.rpc,
        epoch,
    )
    live.pipeline.start()
    live.presence.start()
    try:
        yield live
    finally:
        live.pipeline.close()
        await live.pipeline.join()
        await live.presence.close()
        await live.hub.close()
