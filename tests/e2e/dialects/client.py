"""What the scenarios ask of a dialect's client: the least that all of them can do, in words of none.

A client is written by hand from shared facts about the system it belongs to, and shares no code with the server. It
translates what it receives back to the values here, so that one scenario fits all, and a message can be compared
across dialects.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from tests.e2e.clients import User

WAIT_S = 20
PASSWORD = "correct horse"


class Refused(Exception):  # noqa: N818
    """The server said no; `code` is what the dialect calls it."""

    def __init__(self, code: object, text: str = "") -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


@dataclass(frozen=True)
class Message:
    """A message as somebody was given it. `time_s` are whole seconds, which every dialect can tell."""

    conversation: str
    message_id: int
    seq: int
    sender: str
    kind: str
    content: str
    time_s: int


@dataclass(frozen=True)
class Sent:
    """What an ack says. A dialect that does not say `seq` or `conversation` leaves 0 and ""."""

    message_id: int
    seq: int = 0
    conversation: str = ""


@dataclass(frozen=True)
class Listed:
    """An item of a list of conversations."""

    conversation: str
    kind: str
    name: str
    unread: int
    last: str


@dataclass
class Client(ABC):
    """Somebody's client in one dialect.

    Attributes:
        url: where the server is.
        name: the handle.
        token: of this login.
        received: every message that was pushed so far, in order.
        can_key: whether a client can name a message itself, so that sending it again is the same message.
    """

    dialect: ClassVar[str]
    can_key: ClassVar[bool] = True

    url: str
    name: str
    token: str
    received: list[Message] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    # ------------------------------------------------------------ what each dialect does its own way

    @classmethod
    @abstractmethod
    async def register(cls, url: str, name: str) -> Client:
        """Create an account and return its logged-in client, not connected."""

    @classmethod
    @abstractmethod
    async def login(cls, url: str, name: str, password: str = PASSWORD) -> Client:
        """Log in; raises Refused."""

    @property
    @abstractmethod
    def door(self) -> str:
        """Path and query of the WebSocket."""

    @abstractmethod
    async def connect(self) -> None:
        """Open the WebSocket; raises Refused when the upgrade is refused."""

    @abstractmethod
    async def disconnect(self) -> None:
        """Close it. Idempotent."""

    @abstractmethod
    async def send(self, conversation: str, content: str, key: str = "") -> Sent:
        """Send a text over the WebSocket and wait for the ack; raises Refused."""

    @abstractmethod
    async def open_single(self, peer: str) -> str:
        """Return the id of the single conversation with somebody."""

    @abstractmethod
    async def create_group(self, name: str, members: list[str]) -> str:
        """Make a group and return its conversation's id."""

    @abstractmethod
    async def conversations(self) -> dict[str, Listed]:
        """Return the list, by id."""

    @abstractmethod
    async def history(self, conversation: str) -> list[Message]:
        """Return the newest messages, ascending; raises Refused."""

    @abstractmethod
    async def mark_read(self, conversation: str, seq: int) -> None:
        """Move the read pointer."""

    @abstractmethod
    async def catch_up(self) -> list[Message]:
        """Return what this client has not been given yet, by the dialect's own way to ask for it."""

    # ------------------------------------------------------------ common

    async def native(self) -> User:
        """Return the same person with a native login, for what clients of this dialect cannot do."""
        nobody = User(self.url, self.name, {"access_token": "", "refresh_token": "", "device_id": ""})
        return await nobody.login(PASSWORD)

    async def take(self, message: Message) -> None:
        """Note a pushed message."""
        async with self.arrived:
            self.received.append(message)
            self.arrived.notify_all()

    async def wait(self, wanted: Callable[[Message], bool]) -> Message:
        """Wait for a pushed message of this sort."""
        async with asyncio.timeout(WAIT_S), self.arrived:
            while True:
                for message in self.received:
                    if wanted(message):
                        return message
                await self.arrived.wait()

    async def wait_content(self, content: str) -> Message:
        """Wait for a pushed message with this content."""
        return await self.wait(lambda message: message.content == content)
