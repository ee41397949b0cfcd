"""What a client's `Session` wants done: it decides, and whoever moves bytes carries it out, in order."""

from __future__ import annotations

from typing import NamedTuple

from resonance.domain.closes import Close
from resonance.domain.errors import ServiceError
from resonance.domain.model import Entry, SyncPage
from resonance.domain.signals import Signal
from resonance.protocol.commands import Acked, Chat, Fault, Read, ReadAcked


class Transmit(NamedTuple):
    """Send this packet on the connection."""

    packet: Chat | Read


class Pull(NamedTuple):
    """Fetch entries of a conversation from `begin` on; answer by `Session.pulled` or `pull_failed`."""

    generation: int
    conversation_id: str
    begin: int


class Sync(NamedTuple):
    """Fetch what changed since the token; answer by `Session.synced` or `sync_failed`."""

    generation: int
    token: str


class Connect(NamedTuple):
    """Open a connection after `delay` seconds, with a fresh access token if `refresh`."""

    delay: float
    refresh: bool


class Deliver(NamedTuple):
    """Hand an entry to the application: each once, in order within its conversation."""

    entry: Entry


class Tell(NamedTuple):
    """Hand a signal to the application."""

    signal: Signal


class Online(NamedTuple):
    """Tell the application that the connection is up."""


class Offline(NamedTuple):
    """Tell the application that the connection is gone; the session tries to come back."""

    close: Close | None


class Merged(NamedTuple):
    """Tell the application that the mirror has changed by this page."""

    page: SyncPage


class Reset(NamedTuple):
    """Tell the application that the server's store is another one: what it kept of its entries is void."""


class Settle(NamedTuple):
    """Complete the send of this key: it is durable."""

    key: str
    ack: Acked


class Refuse(NamedTuple):
    """Fail the send or read of this key."""

    key: str
    error: ServiceError


class SettleRead(NamedTuple):
    """Complete the read of this key."""

    key: str
    ack: ReadAcked


class Complain(NamedTuple):
    """Log what the server found wrong with a packet that nobody waits for."""

    fault: Fault


class End(NamedTuple):
    """The session is over; the error says why. Only a new login helps."""

    error: ServiceError


Action = (
    Transmit
    | Pull
    | Sync
    | Connect
    | Deliver
    | Tell
    | Online
    | Offline
    | Merged
    | Reset
    | Settle
    | Refuse
    | SettleRead
    | Complain
    | End
)
