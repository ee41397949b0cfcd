"""The client: what an application holds for one logged-in user."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

import httpx2

from resonance.client import wire
from resonance.client.api import Friends, Groups, Users
from resonance.client.driver import Driver
from resonance.client.events import Event
from resonance.client.keys import Keys
from resonance.client.rest import Rest, TokenPair
from resonance.domain.content import Kind, check_content
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import ConversationView, EntryPage
from resonance.protocol.commands import Chat, Read
from resonance.protocol.merge import Mirror
from resonance.protocol.session import Phase, Session

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Options:
    """How a client behaves.

    Attributes:
        positions: the last seq the application has of each conversation (`Client.positions` of an earlier client):
            everything after is delivered, and of other conversations all. None: only what is new from now on.
        events: how many events wait for the application before pushes are put off.
        unsettled: how many sends may wait for their acks; further calls of `send` wait.
        timeout: seconds that a request, a send and the start may take.
        platform: what the device is, as in `resonance.domain.model.Platform`.
        device_name: what the owner's list of devices calls this login.
        transport: replaces the network for requests (not for the WebSocket); for tests and unusual proxies.
    """

    positions: Mapping[str, int] | None = None
    events: int = 1_000
    unsettled: int = 1_024
    timeout: float = 30.0
    platform: int = 0
    device_name: str = "resonance.client"
    transport: httpx2.AsyncBaseTransport | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that is durable: its place and its ids. `created_at` is in ms of the server's clock."""

    message_id: int
    seq: int
    conversation_id: str
    created_at: int
    key: str


@dataclass(frozen=True, slots=True)
class ReadUpTo:
    """Where the caller's read pointer stands, and how many messages are unread after it."""

    read_seq: int
    unread: int


class Client:
    """One user's connection to a server: reconnecting, resending, filling gaps, syncing.

    ::

        async with Client.login("http://localhost:8080", "ann", "secret") as client:
            await client.send(to_user="bob", text="hello")
            async for event in client.events():
                print(event)

    Made by `login`, `register` or `connect`; alive between `start` and `close`, or within `async with`. All refusals
    are `ServiceError`s with a code of the catalogue. After `close`, or when the server has ended the session for good,
    every call raises.

    Attributes:
        friends, groups, users: requests about these.
    """

    def __init__(self, url: str, authorize: Callable[[Rest], Awaitable[None]], options: Options) -> None:
        self._url = url
        self._authorize = authorize
        self._options = options
        self._rest = Rest(url, options.timeout, options.transport)
        self._session = Session(random.Random(), options.positions)
        self._driver: Driver | None = None
        self._keys = Keys()
        self._slots = asyncio.Semaphore(options.unsettled)
        self.friends = Friends(self._rest)
        self.groups = Groups(self._rest)
        self.users = Users(self._rest)

    # ------------------------------------------------------------ beginning and end

    @classmethod
    def login(cls, url: str, user: str, password: str, options: Options | None = None) -> Client:
        """Return a client that logs in when it starts."""
        return cls._with_password("auth/login", url, user, password, "", options or Options())

    @classmethod
    def register(
        cls, url: str, user: str, password: str, options: Options | None = None, *, nickname: str = ""
    ) -> Client:
        """Return a client that creates the account when it starts."""
        return cls._with_password("auth/register", url, user, password, nickname, options or Options())

    @classmethod
    def connect(cls, url: str, token: str, options: Options | None = None, *, refresh_token: str = "") -> Client:
        """Return a client for an access token that the application has; without a refresh token it ends with it."""

        async def authorize(rest: Rest) -> None:
            rest.tokens = TokenPair(token, refresh_token)

        return cls(url, authorize, options or Options())

    @classmethod
    def _with_password(cls, path: str, url: str, user: str, password: str, nickname: str, options: Options) -> Client:
        body: wire.Json = {
            "username": user,
            "password": password,
            "platform": options.platform,
            "device_name": options.device_name,
        }
        if nickname:
            body["nickname"] = nickname

        async def authorize(rest: Rest) -> None:
            await rest.authorize(path, body)

        return cls(url, authorize, options)

    async def start(self) -> None:
        """Log in, connect, and return when the first sync is complete.

        Raises:
            ServiceError: the login's refusal; UNAVAILABLE when the server cannot be reached; DEADLINE when it took
                longer than `Options.timeout`.
        """
        try:
            await self._authorize(self._rest)
            self._driver = Driver(self._url, self._rest, self._session, self._options.events)
            self._driver.start()
            await asyncio.wait_for(self._driver.synced.wait(), self._options.timeout)
            if self._driver.error is not None:
                raise self._driver.error
        except TimeoutError as exc:
            await self.close()
            raise ServiceError(Code.DEADLINE, f"{self._url} did not let the client in") from exc
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the connection and end `events`; sends that wait fail, and whether they were stored is unknown."""
        if self._driver is not None:
            await self._driver.close()
        await self._rest.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # ------------------------------------------------------------ state

    @property
    def user_id(self) -> str:
        """Who is logged in."""
        return self._session.user_id

    @property
    def online(self) -> bool:
        """Whether there is a connection now."""
        return self._session.phase is Phase.ONLINE

    @property
    def tokens(self) -> TokenPair:
        """The present tokens, to `connect` with later."""
        return self._rest.tokens

    @property
    def mirror(self) -> Mirror:
        """Conversations, friends, requests and users as of the last sync."""
        return self._session.mirror

    @property
    def positions(self) -> dict[str, int]:
        """The last seq delivered of each conversation; give it to the next client to miss nothing between the two.

        What waits in `events` counts as delivered.
        """
        return self._session.positions

    # ------------------------------------------------------------ messages

    async def send(
        self,
        conversation_id: str = "",
        text: str = "",
        *,
        to_user: str = "",
        kind: Kind = Kind.TEXT,
        extra: str = "",
        key: str = "",
    ) -> Sent:
        """Send a message and wait until it is durable; over lost connections it is sent again under its key.

        Args:
            conversation_id: where to; or `to_user`, for a first message to somebody.
            text: the text, or what another kind carries, as text.
            extra: "" or a JSON object as text.
            key: the idempotency key, to send a message of an earlier process again; by default a new UUIDv7.

        Raises:
            ServiceError: the server's refusal; DEADLINE when no answer came in `Options.timeout`: whether the message
                is stored is unknown then, and sending it again under the same key is safe.
        """
        check_content(kind, text, extra)
        key = key or self._keys.next()
        chat = Chat(key, conversation_id, to_user, kind.name.lower(), text, extra, key)
        async with self._slots:
            ack = await self._in_time(self._running.send(chat))
        return Sent(ack.message_id, ack.seq, ack.conversation_id, ack.created_at, key)

    async def mark_read(self, conversation_id: str, seq: int = 0) -> ReadUpTo:
        """Move the caller's read pointer forward to `seq` (0: to the end)."""
        ack = await self._in_time(self._running.read(Read(self._keys.next(), conversation_id, seq)))
        return ReadUpTo(ack.read_seq, ack.unread)

    def typing(self, conversation_id: str) -> None:
        """Tell members who are online that the user is writing; without a connection it does nothing."""
        self._running.typing(conversation_id)

    def events(self) -> AsyncIterator[Event]:
        """Return the events from the start on, to be read by one task; it ends when the client is closed.

        Every message is delivered once, in order within its conversation, the user's own included.

        Raises:
            ServiceError: while iterating, when the server ended the session for good (kicked, logged out).
        """
        return self._running.events.read()

    # ------------------------------------------------------------ reading

    async def conversations(self) -> list[ConversationView]:
        """Return all conversations with last message and unread count, pinned first, then the latest changed."""
        views: list[ConversationView] = []
        cursor, more = "", True
        while more:
            page = wire.conversation_page(await self._rest.get("conversations", cursor=cursor, limit=200))
            views += page.items
            cursor = page.cursor
            more = bool(cursor)
        return views

    async def conversation(self, conversation_id: str) -> ConversationView:
        """Return one conversation."""
        return wire.view(await self._rest.get(f"conversations/{quote(conversation_id)}"))

    async def open(self, user_id: str) -> ConversationView:
        """Return the single conversation with somebody, made when it does not exist."""
        return wire.view(await self._rest.call("POST", "conversations", body={"user_id": user_id}))

    async def history(self, conversation_id: str, before_seq: int = 0, limit: int = 50) -> EntryPage:
        """Return the newest entries before a seq (0: the newest of all), ascending; limit 1 to 200."""
        path = f"conversations/{quote(conversation_id)}/messages"
        return wire.entry_page(await self._rest.get(path, before_seq=before_seq, limit=limit))

    @property
    def _running(self) -> Driver:
        if self._driver is None:
            raise RuntimeError("the client was not started: use `async with`, or `start`")
        return self._driver

    async def _in_time(self, answer: Awaitable[_T]) -> _T:
        try:
            return await asyncio.wait_for(answer, self._options.timeout)
        except TimeoutError as exc:
            raise ServiceError(Code.DEADLINE, "the server did not answer in time; the outcome is unknown") from exc
