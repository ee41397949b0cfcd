"""What goes out of a connection: one write per tick of the loop, and never more than its client may owe.

Frames wait in two places: `out`, those of this tick, written as one piece at its end; and `kept`, what the transport
would not take because the client reads too slowly. Low water: the transport's buffer, above which frames are kept
back. High water: both together, above which the client is cut.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from picows import WSListener, WSTransport

from resonance.domain.closes import Close
from resonance.gateway.ws.codec import Codec
from resonance.gateway.ws.frames import frame
from resonance.observe import metrics
from resonance.protocol import packets


class Outlet(WSListener):
    """The outgoing half of a connection.

    Attributes:
        codec: the form of packets.
        out: frames for the end of this tick; `dirty` says that the hub knows of them.
        held: write nothing now: the transport is over its low water mark, or the connection is not open.
        closing: why the connection ends, once it does.
    """

    __slots__ = (
        "_high_water",
        "_kept",
        "_ping",
        "_transport",
        "_write",
        "closing",
        "codec",
        "dirty",
        "held",
        "out",
    )

    def __init__(self, high_water: int) -> None:
        self.codec: Codec = packets.BINARY
        self.out: list[bytes] = []
        self.dirty = False
        self.held = True
        self.closing: Close | None = None
        self._high_water = high_water
        self._transport: WSTransport | None = None
        self._write: Callable[[bytes | bytearray], None] = _nowhere
        # what the transport would not take yet, oldest first
        self._kept: bytearray | None = None
        # the last ping that could not be answered yet
        self._ping: bytes | None = None

    @abstractmethod
    def close(self, close: Close) -> None:
        """End the connection with a code."""

    @abstractmethod
    def _mark(self) -> None:
        """Have `flush` called at the end of this tick."""

    # ------------------------------------------------------------ called by picows

    def pause_writing(self) -> None:
        """The transport holds more than its low water mark: keep frames back."""
        self.held = True

    def resume_writing(self) -> None:
        """The transport has room: write what was kept back."""
        if self.closing is not None:
            return
        self.held = False
        kept, self._kept = self._kept, None
        if kept is not None:
            self._write(kept)
        ping, self._ping = self._ping, None
        if ping is not None and self._transport is not None:
            self._transport.send_pong(ping)

    # ------------------------------------------------------------ frames

    def send(self, payload: bytes) -> None:
        """Queue one packet for the end of this tick; b"" is none."""
        if not payload:
            return
        self.out.append(frame(self.codec.opcode, payload))
        if not self.dirty:
            self._mark()

    def flush(self) -> None:
        """Write the frames of this tick as one piece, or keep them back."""
        self.dirty = False
        out = self.out
        if self.held:
            self._keep()
            return
        self._write(out[0] if len(out) == 1 else b"".join(out))
        out.clear()
        if self.held and self._transport is not None:
            self._check_high_water(self._transport)

    def _keep(self) -> None:
        """Keep frames back for a client that reads too slowly, up to the high water mark."""
        if self._transport is not None and self.closing is None:
            if self._kept is None:
                self._kept = bytearray()
            self._kept += b"".join(self.out)
            self._check_high_water(self._transport)
        self.out.clear()

    def _check_high_water(self, transport: WSTransport) -> None:
        waiting = transport.underlying_transport.get_write_buffer_size() + len(self._kept or b"")
        if waiting > self._high_water:
            metrics.slow_consumers.inc()
            self.close(Close.SLOW_CONSUMER)

    def ping(self, payload: bytes = b"") -> bool:
        """Ask the client whether it is alive, unless it reads too slowly to be asked; return whether it was."""
        if self._transport is None or self.held:
            return False
        self._transport.send_ping(payload)
        return True

    # ------------------------------------------------------------ the transport

    def _open(self, transport: WSTransport) -> None:
        """Begin to write."""
        self._transport = transport
        self._write = transport.underlying_transport.write
        self.held = False

    def _seal(self) -> None:
        """Write what this tick has, if the client takes it, and nothing more."""
        if self.out and not self.held:
            self._write(b"".join(self.out))
        self.held = True
        self.out.clear()
        self._kept = self._ping = None

    def _drop(self) -> None:
        """Let go of a transport that is gone."""
        self.held = True
        self.out.clear()
        self._kept = self._ping = None
        self._transport = None
        self._write = _nowhere


def _nowhere(_: bytes | bytearray) -> None:
    """Write for a connection that has no transport."""
