"""The link: one long-lived, ordered, two-way stream of batches between a gateway and logic.

Up go the gateway's snapshot of its connections, then deltas, messages and heartbeats; down come acks for them,
pushes, signals and kicks. Frames of one direction arrive in order or the link is lost as a whole. After a loss the
gateway opens a new link, begins with a snapshot, and sends every unanswered item again, in order, before new ones;
items carry keys, so nothing is stored twice.

A gateway links to every logic there is. Each of them pushes what it has committed itself; what a lost one may have
left behind, another is asked for (`Missed`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

from resonance.domain.model import Entry, Route, SendAnswer, SendItem
from resonance.domain.signals import Signal

# ---------------------------------------------------------------- up: gateway → logic


class Hello(NamedTuple):
    """The first frame of a link: who the gateway is, and every connection it holds.

    Attributes:
        epoch: rises with every start of this gateway id.
        position: the outbox position up to which the gateway has been given everything; 0 for a new gateway.
            Logic pushes again what was committed since.
        alone: whether the gateway is linked to no other logic. If it is, only what this logic has committed itself can
            be lacking, and others have told who is online.
        queued: the gateway's number of this link when pushes (and what says how far they are) are to come through the
            queue of `ports.uplink`; 0 when they are to come on this link.
    """

    gateway: str
    epoch: int
    store_epoch: str
    position: int
    routes: list[Route]
    alone: bool = True
    queued: int = 0


class RouteDelta(NamedTuple):
    """Connections opened and closed since the last frame; answered by a `RouteAck` with the same number.

    Attributes:
        primary: whether this logic, of all that hear of it, tells others who came and went.
    """

    number: int
    opened: list[Route]
    closed: list[int]
    primary: bool = True


class SendBatch(NamedTuple):
    """Messages in the order in which they arrived; every item is answered once, by its `ref`."""

    items: list[SendItem]


class Missed(NamedTuple):
    """The gateway's link to another logic is lost: push again what was committed after `position`, by whomever.

    Answered by a `CaughtUp` with the same number.

    Attributes:
        signals: whether signals may be lacking, too; they are not repeated, clients are told to sync instead.
    """

    number: int
    position: int
    signals: bool


class UpBeat(NamedTuple):
    """The gateway lives; answered by a `DownBeat`."""

    number: int


UpFrame = Hello | RouteDelta | SendBatch | UpBeat | Missed

# ---------------------------------------------------------------- down: logic → gateway


class Welcome(NamedTuple):
    """The answer to `Hello`: the routes are known from here on.

    Attributes:
        refused: connections of the snapshot whose tokens are no longer good, with the close number for each.
        resync: True when pushes may have been missed that cannot be repeated: tell every client to sync.
        position: the outbox position from which pushes follow.
    """

    store_epoch: str
    position: int
    resync: bool
    refused: list[RouteRefusal]


class RouteRefusal(NamedTuple):
    """A connection that must not live: the number of the `Close` to end it with."""

    connection: int
    close: int


class RouteAck(NamedTuple):
    """The routes of the `RouteDelta` with this number are in effect, but for the refused ones."""

    number: int
    refused: list[RouteRefusal]


class AnswerBatch(NamedTuple):
    """What became of sent items, in the order they were sent."""

    answers: list[SendAnswer]


class Push(NamedTuple):
    """Entries of one conversation, ascending and without holes, for some of its members on this gateway.

    `origins` are, per entry, the connection it was sent from on this gateway (0: none): that one has its ack and is
    not pushed to.
    """

    entries: list[Entry]
    users: list[str]
    origins: list[int]


class SignalPush(NamedTuple):
    """A signal for some users on this gateway; `except_connection` (0: none) is left out."""

    signal: Signal
    users: list[str]
    except_connection: int


class PushBatch(NamedTuple):
    """What a commit (or a sweep) has to tell this gateway's users. `position` is as in `DownBeat`."""

    position: int
    pushes: list[Push]
    signals: list[SignalPush]


class Kick(NamedTuple):
    """End the connections of these devices with the number of a `Close`."""

    devices: list[str]
    close: int


class CaughtUp(NamedTuple):
    """What the `Missed` of this number asked for was sent before this frame."""

    number: int


class DownBeat(NamedTuple):
    """Logic lives; everything up to `position` has been sent to this gateway."""

    number: int
    position: int


DownFrame = Welcome | RouteAck | AnswerBatch | PushBatch | Kick | DownBeat | CaughtUp


class LinkSession(ABC):
    """Logic's end of one gateway's link."""

    @abstractmethod
    def receive(self, frame: UpFrame) -> None:
        """Take the next frame; never blocks, never raises for what a frame says."""

    @abstractmethod
    def lost(self) -> None:
        """The link is gone; the gateway's routes stay until its lease ends or it comes back. Idempotent."""


class LinkService(ABC):
    """Where gateways link to. Not a request-response service: `resonance.rpc.link` carries it between processes."""

    @abstractmethod
    def open(self, send: Callable[[DownFrame], None], end: Callable[[], None]) -> LinkSession:
        """Accept a link.

        Args:
            send: puts a frame on its way down; never blocks; frames after a loss go nowhere.
            end: logic wants the link closed (a newer link of the same gateway, a heartbeat missed, a slow gateway).
        """
