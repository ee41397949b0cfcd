"""One client's connection: frames in, packets out, and every bound that keeps it from harming others.

There is one object and no task per connection.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

import structlog
from picows import WSFrame, WSMsgType, WSTransport

from resonance.config.settings import WsConfig
from resonance.domain.closes import Close
from resonance.domain.errors import ServiceError
from resonance.domain.model import Principal, Route, SendAnswer
from resonance.gateway.ws.codec import Codec
from resonance.gateway.ws.commands import Command
from resonance.gateway.ws.frames import BINARY, TEXT, Fragments
from resonance.gateway.ws.outlet import Outlet
from resonance.observe import metrics

log = structlog.get_logger(__name__)

MALFORMED_LIMIT = 10
"""Packets in a row that may be no packets; then the connection is closed."""

_OPCODES = {WSMsgType.TEXT: TEXT, WSMsgType.BINARY: BINARY, WSMsgType.CONTINUATION: 0}
_PING = WSMsgType.PING
_PONG = WSMsgType.PONG
_CLOSE = WSMsgType.CLOSE
_NORMAL_CLOSE = 1000
_NO_STATUS = (0, 1005)


class Owner(Protocol):
    """What a connection needs of the hub that holds it."""

    config: WsConfig
    now: float

    def attach(self, connection: Connection) -> None:
        """The upgrade is complete: packets may flow."""

    def mark(self, connection: Connection) -> None:
        """The connection has frames to write at the end of this tick."""

    def recognise(self, opcode: int, payload: bytes) -> Codec:
        """Return the form of packets that a client speaks whose first message this is."""

    def handle(self, connection: Connection, packet: Command) -> None:
        """Do what the client asks."""

    def detach(self, connection: Connection) -> None:
        """Nothing may reach the connection from here on."""

    def forget(self, connection: Connection) -> None:
        """The connection is gone."""

    def ponged(self, connection: Connection, payload: bytes) -> None:
        """A client whose codec has `replays` has answered a ping."""

    def linger(self, transport: WSTransport) -> None:
        """Cut the transport if the client does not answer our close soon."""


class Connection(Outlet):
    """The state of one WebSocket.

    Attributes:
        number: unique within the gateway's epoch; what routes, origins and answers name.
        principal, address: who is on the other side, and from where.
        chosen: whether the form of packets is settled: by the handshake, else by the client's first message.
        seqs: by conversation, the last pushed seq; the least recently pushed goes first. None until the first push.
        lacking: by conversation of those, up to where the client may lack entries, if its dialect cannot ask for them.
        unanswered: what the client calls each message without an answer, by ref.
        in_flight: messages and requests without an answer.
        heard: when the last frame came, on the owner's clock.
        leaving: close as soon as nothing is in flight.
        trace, sent: the first 24 digits of its messages' trace ids, and how many messages came.
    """

    __slots__ = (
        "_backlog",
        "_fragments",
        "_malformed",
        "_owner",
        "address",
        "chosen",
        "heard",
        "in_flight",
        "lacking",
        "leaving",
        "number",
        "principal",
        "sent",
        "seqs",
        "trace",
        "unanswered",
    )

    def __init__(self, owner: Owner, number: int, principal: Principal, address: str, trace: str) -> None:
        super().__init__(owner.config.high_water)
        self._owner = owner
        self.number = number
        self.principal = principal
        self.address = address
        self.chosen = False
        self.seqs: dict[str, int] | None = None
        self.lacking: dict[str, int] | None = None
        self.unanswered: dict[int, Any] = {}
        self.in_flight = 0
        self.heard = owner.now
        self.leaving = False
        self.trace = trace
        self.sent = 0
        # messages read before reading could be stopped; None while reading goes on
        self._backlog: deque[tuple[int, bytes]] | None = None
        self._fragments: Fragments | None = None
        # packets in a row that could not be decoded
        self._malformed = 0

    @property
    def route(self) -> Route:
        """How logic knows the connection."""
        caller = self.principal.caller
        return Route(caller.user_id, self.number, caller.platform, caller.device_id, self.address)

    @property
    def reading(self) -> bool:
        """Whether the client is being read; not while its in-flight window is full."""
        return self._backlog is None

    # ------------------------------------------------------------ called by picows

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Begin: the upgrade's answer is written."""
        self._open(transport)
        self._owner.attach(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take one frame."""
        kind = frame.msg_type
        if self.closing is not None:
            if kind is _CLOSE:
                transport.disconnect()
            return
        self.heard = self._owner.now
        opcode = _OPCODES.get(kind)
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self.close(Close.PROTOCOL_ERROR)
        elif opcode is None:
            self._control(transport, kind, frame)
        elif opcode and frame.fin and self._fragments is None:
            self._message(opcode, frame.get_payload_as_bytes())
        else:
            self._fragment(opcode, frame.fin, frame.get_payload_as_bytes())

    # ------------------------------------------------------------ frames in

    def _control(self, transport: WSTransport, kind: WSMsgType, frame: WSFrame) -> None:
        """Answer a ping or a close; a pong has mostly done its work by being heard."""
        if kind is _PING:
            if self.held:  # who does not read gets one pong, for the last ping (5.5.3): they would pile up
                self._ping = frame.get_payload_as_bytes()
            else:
                transport.send_pong(frame.get_payload_as_bytes())
        elif kind is _PONG:
            if self.codec.replays:
                self._owner.ponged(self, frame.get_payload_as_bytes())
        elif kind is _CLOSE:
            code = int(frame.get_close_code())  # type: ignore[call-overload]
            transport.send_close(_NORMAL_CLOSE if code in _NO_STATUS else code)  # type: ignore[arg-type]
            transport.disconnect()

    def _fragment(self, opcode: int, last: bool, payload: bytes) -> None:
        """Take a frame of a message of several (RFC 6455, 5.4)."""
        fragments = self._fragments
        if bool(opcode) == (fragments is not None):  # a second beginning, or a continuation of nothing
            self.close(Close.PROTOCOL_ERROR)
            return
        if fragments is None:
            self._fragments = Fragments(opcode, payload)
            return
        fragments.add(payload)
        if fragments.size > self._owner.config.max_message_size:
            self.close(Close.TOO_LARGE)
        elif last:
            self._fragments = None
            self._message(fragments.opcode, fragments.joined())

    def _message(self, opcode: int, payload: bytes) -> None:
        """Take a whole message, or put it behind those that wait for room in the window."""
        if self._backlog is not None:
            self._backlog.append((opcode, payload))
            return
        self._packet(opcode, payload)
        if self.in_flight >= self._owner.config.in_flight and self.closing is None:
            self._stop_reading()

    def _packet(self, opcode: int, payload: bytes) -> None:
        """Decode a message and have it done."""
        if not self.chosen:
            self.chosen = True
            self.codec = self._owner.recognise(opcode, payload)
        if opcode not in self.codec.accepts:
            self.close(Close.UNSUPPORTED_DATA)
        elif opcode == TEXT and not _is_utf8(payload):
            self.close(Close.INVALID_TEXT)
        else:
            try:
                packet = self.codec.decode(payload)
            except ServiceError as error:
                self._refuse(error)
                return
            self._malformed = 0
            self._owner.handle(self, packet)

    def _refuse(self, error: ServiceError) -> None:
        """Answer what is no packet; after too many in a row the other side is no client of ours."""
        self._malformed += 1
        self.send(self.codec.fault(error))
        if self._malformed >= MALFORMED_LIMIT:
            self.close(Close.MALFORMED)

    # ------------------------------------------------------------ the in-flight window

    def _stop_reading(self) -> None:
        assert self._transport is not None
        self._backlog = deque()
        self._transport.underlying_transport.pause_reading()

    def _resume_reading(self) -> None:
        """Take what waits, as far as the window allows, and read on when nothing waits any more."""
        window = self._owner.config.in_flight
        backlog = self._backlog
        while backlog and self.in_flight < window and self.closing is None:
            self._packet(*backlog.popleft())
        if not backlog and self.in_flight < window and self._transport is not None:
            self._backlog = None
            self._transport.underlying_transport.resume_reading()

    def pause(self) -> None:
        """Do nothing that the client asks until `finish` is called for this."""
        self.in_flight += 1
        if self._backlog is None:
            self._stop_reading()

    def answered(self, answer: SendAnswer) -> None:
        """Bring the client its ack. An answer to something it does not wait for is dropped."""
        seq = self.unanswered.pop(answer.ref, None)
        if seq is not None:
            self.finish(self.codec.ack(answer, seq))

    def finish(self, payload: bytes | None) -> None:
        """One thing in flight is done; `payload` answers it."""
        self.in_flight -= 1
        if self.closing is not None:
            return
        if payload is not None:
            self.send(payload)
        if self.leaving:
            if self.in_flight == 0:
                self.close(Close.RESTART)
        elif self._backlog is not None:
            self._resume_reading()

    # ------------------------------------------------------------ the end

    def _mark(self) -> None:
        self._owner.mark(self)

    def leave(self) -> None:
        """Close for a restart once nothing is in flight; read no more until then."""
        self.leaving = True
        if self.in_flight == 0:
            self.close(Close.RESTART)
        elif self._backlog is None:
            self._stop_reading()

    def close(self, close: Close) -> None:
        """End the connection with a code: nothing more is read or pushed, and the client has a moment to answer."""
        if self.closing is not None:
            return
        self.closing = close
        self._owner.detach(self)
        transport = self._transport
        if transport is None:
            return
        self.send(self.codec.farewell(close))
        self._seal()
        transport.send_close(close.number, close.value.reason)  # type: ignore[arg-type]
        if self._backlog is not None:
            self._backlog = None
            transport.underlying_transport.resume_reading()
        self._owner.linger(transport)

    def lost(self) -> None:
        """The transport is gone. Called once, by the bridge."""
        code = self.close_code()
        metrics.connections_closed.labels(code).inc()
        log.info(
            "connection closed",
            connection=self.number,
            user=self.principal.caller.user_id,
            address=self.address,
            code=code,
            messages=self.sent,
        )
        self._owner.forget(self)
        self._backlog = self._fragments = None
        self._drop()

    def abort(self) -> None:
        """Cut the transport without a word."""
        if self._transport is not None:
            self._transport.disconnect(False)

    @property
    def agreed(self) -> bool:
        """Whether both sides have said that they close: what is written now does not arrive."""
        handshake = None if self._transport is None else self._transport.close_handshake
        return handshake is not None and handshake.recv is not None and handshake.sent is not None

    @property
    def understood(self) -> bool:
        """Whether the client has answered our close, with its code: then it has read what was written before.

        A close of its own proves nothing: browsers drop what comes after it, however long that was on its way.
        """
        handshake = None if self._transport is None else self._transport.close_handshake
        if handshake is None or handshake.recv is None or handshake.sent is None or handshake.recv_then_sent:
            return False
        received: int = int(handshake.recv.code)  # type: ignore[call-overload]
        return received == int(handshake.sent.code)  # type: ignore[call-overload, no-any-return]

    def close_code(self) -> str:
        """Return the close code of one that ends: ours, else picows' own for a broken frame, else who left (1006: the
        transport broke without a word).
        """
        if self.closing is not None:
            return str(self.closing.number)
        handshake = None if self._transport is None else self._transport.close_handshake
        if handshake is None:
            return "1006"
        return "1000" if handshake.recv_then_sent else str(int(handshake.sent.code))  # type: ignore[arg-type, union-attr]


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
