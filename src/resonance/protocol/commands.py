"""What packets say, as small values: from clients to the server, and back.

The Attributes sections say only what the field's name does not; `seq` is always the number a client chose for its
packet, and `ref_seq` the number of the packet that is answered: text in native packets, in another dialect whatever its
codec needs for the answer.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from resonance.domain.model import Entry
from resonance.domain.signals import Signal

# ---------------------------------------------------------------- client → server


class Pulse(NamedTuple):
    """A keep-alive; in both directions."""

    seq: str = ""


class Chat(NamedTuple):
    """A message to send.

    Attributes:
        to_user: the recipient of a first message, while `conversation_id` is "".
        kind: the name of a `Kind`; "" means text.
        extra: "" or a JSON object as text.
        client_msg_id: the idempotency key, "" for none.
    """

    seq: Any
    conversation_id: str
    to_user: str
    kind: str
    content: str
    extra: str
    client_msg_id: str


class Read(NamedTuple):
    """A wish to move the read pointer to `read_seq` (0: to the end)."""

    seq: Any
    conversation_id: str
    read_seq: int


class Writing(NamedTuple):
    """The client's user is typing."""

    seq: Any
    conversation_id: str


class Receipt(NamedTuple):
    """A client's own ack of a push. Resonance's clients send it; it means nothing."""

    seq: str


ClientPacket = Pulse | Chat | Read | Writing | Receipt

# ---------------------------------------------------------------- server → client


class Ready(NamedTuple):
    """The first packet of a connection: pushes reach it from here on."""

    connection_id: str
    user_id: str
    server_time_ms: int
    store_epoch: str
    ping_interval_s: int
    max_in_flight: int
    max_message_size: int


class Pushed(NamedTuple):
    """An entry of a conversation."""

    entry: Entry


class Acked(NamedTuple):
    """What became of a `Chat`: stored when `code` is "", else refused, and `retry` says whether to try again."""

    ref_seq: str
    message_id: int
    seq: int
    ordinal: int
    created_at: int
    conversation_id: str
    client_msg_id: str
    code: str
    error: str
    retry: bool


class ReadAcked(NamedTuple):
    """Where the read pointer stands after a `Read`."""

    ref_seq: Any
    conversation_id: str
    read_seq: int
    unread: int


class Signalled(NamedTuple):
    """Something happened that is no message."""

    signal: Signal


class Fault(NamedTuple):
    """A packet other than a `Chat` could not be done."""

    ref_seq: str
    code: str
    message: str
    field: str
    retry: bool


class GoingAway(NamedTuple):
    """The server stops: reconnect after a random time up to `jitter_ms`."""

    jitter_ms: int


class SyncHint(NamedTuple):
    """Pushes may have been missed: sync."""


ServerPacket = Pulse | Ready | Pushed | Acked | ReadAcked | Signalled | Fault | GoingAway | SyncHint
