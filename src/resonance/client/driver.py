"""Carries out what a `Session` wants: connections, requests, timers, and the application's futures and events."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar
from urllib.parse import quote

import structlog

from resonance.client import wire
from resonance.client.connection import Connection
from resonance.client.events import EventQueue
from resonance.client.rest import Rest
from resonance.domain.errors import Code, ServiceError
from resonance.protocol.actions import (
    Action,
    Complain,
    Connect,
    Deliver,
    End,
    Merged,
    Offline,
    Online,
    Pull,
    Refuse,
    Reset,
    Settle,
    SettleRead,
    Sync,
    Tell,
    Transmit,
)
from resonance.protocol.commands import Acked, Chat, Read, ReadAcked, Writing
from resonance.protocol.packets import BINARY
from resonance.protocol.session import Phase, Session

log = structlog.get_logger(__name__)

PULL_LIMIT = 200
"""Entries in a pull."""
SYNC_LIMIT = 500
"""Rows of each sort in a page of a sync."""
PARALLEL_PULLS = 4
T = TypeVar("T")


class Driver:
    """Runs one session on the event loop until `close`.

    Attributes:
        synced: set once the first sync is complete, or the session has ended.
        error: why the session ended; None while it lives and when the application closed it.
    """

    def __init__(self, url: str, rest: Rest, session: Session, capacity: int) -> None:
        self.session = session
        self.events = EventQueue(capacity, session.pause, self._resume)
        self.synced = asyncio.Event()
        self.error: ServiceError | None = None
        self._url = url
        self._rest = rest
        self._loop = asyncio.get_running_loop()
        self._connection: Connection | None = None
        # Everything that runs for the session; cancelled and awaited by close.
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._pulls = asyncio.Semaphore(PARALLEL_PULLS)
        # The application's waiting sends and reads, by key.
        self._sends: dict[str, asyncio.Future[Acked]] = {}
        self._reads: dict[str, asyncio.Future[ReadAcked]] = {}

    # ------------------------------------------------------------ the application

    def start(self) -> None:
        """Begin to connect."""
        self._do([Connect(0.0, refresh=False)])

    async def close(self) -> None:
        """End the session; what is unsettled fails with UNAVAILABLE, its outcome unknown."""
        self._do(self.session.end(ServiceError(Code.UNAVAILABLE, "the client was closed")))
        if self._connection is not None:
            self._connection.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def send(self, chat: Chat) -> Acked:
        """Send a message and wait for its ack."""
        self._check_alive()
        future = self._sends[chat.client_msg_id] = self._loop.create_future()
        self._do(self.session.send(chat, self._loop.time()))
        return await self._answer(future, self._sends, chat.client_msg_id)

    async def read(self, read: Read) -> ReadAcked:
        """Move a read pointer and wait for the answer."""
        self._check_alive()
        future = self._reads[read.seq] = self._loop.create_future()
        self._do(self.session.read(read))
        return await self._answer(future, self._reads, read.seq)

    def typing(self, conversation_id: str) -> None:
        """Tell that the user is typing, if there is a connection."""
        if self._connection is not None and self.session.phase is Phase.ONLINE:
            self._connection.send(BINARY.typing(Writing("", conversation_id)))

    def _check_alive(self) -> None:
        if self.session.phase is Phase.ENDED:
            raise self.error or ServiceError(Code.UNAVAILABLE, "the client is closed")

    async def _answer(self, future: asyncio.Future[T], waiting: dict[str, asyncio.Future[T]], key: str) -> T:
        try:
            return await future
        finally:
            waiting.pop(key, None)
            self.session.abandon(key)

    # ------------------------------------------------------------ what the session wants

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            self._act(action)
        self._arm()

    def _act(self, action: Action) -> None:
        match action:
            case Transmit(packet):
                self._transmit(packet)
            case Deliver(entry):
                self.events.put(entry)
            case Tell(signal):
                self.events.put(signal)
            case Settle(key, ack):
                _settle(self._sends, key, ack)
            case SettleRead(key, read_ack):
                _settle(self._reads, key, read_ack)
            case Refuse(key, error):
                _refuse(self._sends, key, error)
                _refuse(self._reads, key, error)
            case Pull():
                self._spawn(self._pull(action))
            case Sync():
                self._spawn(self._sync(action))
            case Connect():
                self._spawn(self._connect(action))
            case Merged(page):
                self.events.put(action)
                if not page.more:
                    self.synced.set()
            case Online() | Offline() | Reset():
                self.events.put(action)
            case Complain(fault):
                log.warning("client_fault", code=fault.code, message=fault.message, field=fault.field)
            case End(error):
                self._end(error)

    def _transmit(self, packet: Chat | Read) -> None:
        if self._connection is not None:
            self._connection.send(BINARY.chat(packet) if isinstance(packet, Chat) else BINARY.read(packet))

    def _end(self, error: ServiceError) -> None:
        closed_here = error.code is Code.UNAVAILABLE
        self.error = None if closed_here else error
        self.events.close(self.error)
        self.synced.set()

    def _resume(self) -> None:
        self._do(self.session.resume(self._loop.time()))

    # ------------------------------------------------------------ time and tasks

    def _arm(self) -> None:
        """Set the timer to when the session wants the clock."""
        if self._timer is not None:
            self._timer.cancel()
        due = self.session.due
        self._timer = None if due is None else self._loop.call_at(due, self._tick)

    def _tick(self) -> None:
        self._do(self.session.tick(self._loop.time()))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("client_failed", exc_info=error)
            self._do(self.session.end(ServiceError(Code.INTERNAL, f"the client failed: {error}")))

    # ------------------------------------------------------------ the connection

    async def _connect(self, connect: Connect) -> None:
        await asyncio.sleep(connect.delay)
        try:
            if connect.refresh:
                await self._rest.refresh(self._rest.tokens.access_token)
                self.session.refreshed()
            # Known before it is open: what the server says at once is answered on it.
            self._connection = Connection(self._received, self._lost)
            await self._connection.open(self._url, self._rest.tokens.access_token)
        except ServiceError as error:
            self._do(self._refused(error))

    def _refused(self, error: ServiceError) -> list[Action]:
        if error.code.value.retry:
            return self.session.lost(0, self._loop.time())
        if error.code is Code.TOKEN_EXPIRED:
            return self.session.unauthenticated(error)
        return self.session.end(error)

    def _received(self, payload: bytes) -> None:
        packet = BINARY.decode_server(payload)
        if packet is not None:
            self._do(self.session.receive(packet, self._loop.time()))

    def _lost(self, number: int) -> None:
        self._connection = None
        self._do(self.session.lost(number, self._loop.time()))

    # ------------------------------------------------------------ requests

    async def _pull(self, pull: Pull) -> None:
        path = f"conversations/{quote(pull.conversation_id)}/messages"
        try:
            async with self._pulls:
                data = await self._rest.get(path, begin=pull.begin, limit=PULL_LIMIT)
        except ServiceError as error:
            self._do(self.session.pull_failed(pull, error, self._loop.time()))
        else:
            self._do(self.session.pulled(pull, wire.entry_page(data), self._loop.time()))

    async def _sync(self, sync: Sync) -> None:
        try:
            data = await self._rest.get("sync", token=sync.token, limit=SYNC_LIMIT)
        except ServiceError as error:
            self._do(self.session.sync_failed(sync, error, self._loop.time()))
        else:
            page = wire.sync_page(data, self.session.user_id)
            self._do(self.session.synced(sync, page, self._loop.time()))


def _settle(waiting: dict[str, asyncio.Future[T]], key: str, value: T) -> None:
    future = waiting.get(key)
    if future is not None and not future.done():
        future.set_result(value)


def _refuse(waiting: dict[str, asyncio.Future[T]], key: str, error: ServiceError) -> None:
    future = waiting.get(key)
    if future is not None and not future.done():
        future.set_exception(error)
