"""A queue between gateways and logic: messages up, answers and pushes down; the other way is `services.link` alone.

Up, messages of one conversation keep the order in which one gateway sent them, and arrive at least once: what logic
took and did not commit, it or another logic gets again. Down, a gateway reads everything that a logic wrote for it in
the order in which it was written, from the moment on at which its end was started.

Gateways and logic trust what is in the queue. Nobody else may write there: a message says whose it is, and no token
proves it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from asyncio import Future
from collections.abc import Sequence
from typing import NamedTuple

from resonance.domain.model import SendItem


class Sent(NamedTuple):
    """A message as logic takes it.

    Attributes:
        gateway, epoch: the gateway that sent it, and the run of it that did.
    """

    gateway: str
    epoch: int
    item: SendItem


class Parcel(NamedTuple):
    """An encoded frame for a gateway.

    Attributes:
        epoch: the run of the gateway that it is for; another one has no use for it.
        link: the number of the link that it belongs to; 0 for answers, which belong to none.
    """

    epoch: int
    link: int
    frame: bytes


class TakenUp(NamedTuple):
    """Messages for logic.

    Attributes:
        mark: what to commit once they, and all that were taken before, are answered; rises.
    """

    messages: list[Sent]
    mark: int


class GatewayEnd(ABC):
    """A gateway's end. start → send, receive → close. Once `receive` has raised, it is of no use any more."""

    @abstractmethod
    async def start(self) -> None:
        """Find out where to read from: everything written for this gateway from here on is read.

        Raises:
            ServiceError: UNAVAILABLE when the queue cannot be reached.
        """

    @abstractmethod
    def send(self, items: Sequence[SendItem]) -> list[SendItem]:
        """Put messages on their way, in order; return those that cannot be carried. Never blocks, never raises.

        They wait for as long as the queue is away.
        """

    @abstractmethod
    async def receive(self) -> list[Parcel]:
        """Wait for the next frames.

        Raises:
            ServiceError: UNAVAILABLE when a message, or something for this gateway, got lost on the way.
        """

    @abstractmethod
    async def close(self) -> None:
        """End it; what was not written yet is dropped."""


class Intake(ABC):
    """What one logic takes of what gateways send; several share it."""

    @abstractmethod
    async def take(self, limit: int, wait_ms: int) -> TakenUp:
        """Return the next messages; when there is none, wait up to `wait_ms` for one.

        Raises:
            ServiceError: UNAVAILABLE; a new intake goes on behind what was committed.
        """

    @abstractmethod
    def commit(self, mark: int) -> None:
        """Say that what was taken up to a mark is done. Never blocks; a commit that gets lost makes repetitions."""

    @abstractmethod
    async def close(self) -> None:
        """Leave to others what is not committed."""


class Downward(ABC):
    """Logic's way down to gateways."""

    @abstractmethod
    def send(self, gateway: str, parcel: Parcel) -> Future[None]:
        """Put a frame on its way, behind those before it; the future is done when it is durable.

        The future fails with ServiceError UNAVAILABLE when it, and perhaps others behind it, was not written; then this
        object is of no use any more.

        Raises:
            ServiceError: the same, at once: too much waits.
        """

    @abstractmethod
    async def close(self) -> None:
        """Wait a little for what is on its way, drop the rest, end."""
