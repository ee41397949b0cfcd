"""What a connection needs of a dialect's codec: bytes to commands, and answers, pushes and signals to bytes.

One object serves all connections of its dialect, and an entry is encoded once for all of them: a codec keeps nothing
about a connection, and what it writes may depend on the entry and its conversation, never on who receives it. (The
other member of a single conversation is such a fact: `domain.ids.single_peer`.)
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol

from resonance.domain.closes import Close
from resonance.domain.errors import ServiceError
from resonance.domain.model import Entry, SendAnswer
from resonance.domain.signals import Signal
from resonance.gateway.ws.commands import Command
from resonance.protocol.commands import ReadAcked, Ready


class Codec(Protocol):
    """Bytes of WebSocket messages, without their frames. The native codecs (`protocol.packets`) have this shape, too.

    An encoder that returns b"" says that the dialect has no such message; nothing is sent then. Methods with a body
    are those that a dialect may leave out.

    Attributes:
        name: for logs and metrics.
        opcode: of the messages it writes (RFC 6455, 5.2): 1 text, 2 binary.
        accepts: opcodes of the messages it reads; others end the connection (1003). Text is checked to be UTF-8.
        hints: whether its clients understand `sync_hint`; those that do not are disconnected (4005) to the same end,
            because every client catches up when it connects.
        replays: whether its clients are given what they missed when they come back (`ws.replay`), because they ask for
            nothing.
    """

    name: str
    opcode: int
    accepts: frozenset[int]
    hints: bool = False
    replays: bool = False

    @abstractmethod
    def decode(self, payload: bytes, /) -> Command:
        """Return what a client asks.

        Raises:
            ServiceError: MALFORMED_PACKET for bytes that cannot be read at all; they are answered by `fault` without a
                ref, and too many in a row end the connection (4505).
        """

    @abstractmethod
    def ack(self, answer: SendAnswer, ref: Any, /) -> bytes:
        """Answer a `Chat`: it is durable, or `answer.code` says why not."""

    @abstractmethod
    def push(self, entry: Entry, /) -> bytes:
        """Tell of an entry; the same bytes are for every recipient."""

    @abstractmethod
    def signal(self, signal: Signal, /) -> tuple[bytes, ...]:
        """Tell of something that is no message: in one message, several, or none."""

    @abstractmethod
    def fault(self, error: ServiceError, ref: Any = "", /) -> bytes:
        """Say why a packet other than a `Chat` was not done; `ref` is "" where it could not even be read."""

    def pulse(self) -> bytes:
        """Answer a keep-alive."""
        return b""

    def ready(self, ready: Ready, /) -> bytes:
        """Greet a client: whatever is committed from here on is pushed."""
        return b""

    def read_ack(self, ack: ReadAcked, /) -> bytes:
        """Answer a `Read`."""
        return b""

    def going_away(self, jitter_ms: int, /) -> bytes:
        """Say that the server stops, and in which time to come back."""
        return b""

    def sync_hint(self) -> bytes:
        """Say that pushes may have been missed."""
        return b""

    def farewell(self, close: Close, /) -> bytes:
        """Say why the connection ends, in the last message before its close frame."""
        return b""
