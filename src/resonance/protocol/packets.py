"""The native packet codecs, sans-I/O: `WsPacket` as protobuf (`BINARY`) and as proto3 JSON (`JSON`).

Both serve both sides. A server decodes with `decode` and a client with `decode_server`; the encoders return the
payload of one WebSocket message, without its frame. They are on the hot path: one message object, filled in place,
serialised once (about 1 µs in protobuf; JSON is for people and debugging and costs tens).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import orjson
from google.protobuf import json_format
from google.protobuf.message import DecodeError

from resonance._proto.gateway.v1 import packet_pb2 as pb
from resonance.domain.closes import Close
from resonance.domain.content import KIND_NAMES, Kind
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Entry, SendAnswer
from resonance.domain.signals import Signal
from resonance.protocol import signals
from resonance.protocol.commands import (
    Acked,
    Chat,
    ClientPacket,
    Fault,
    GoingAway,
    Pulse,
    Pushed,
    Read,
    ReadAcked,
    Ready,
    Receipt,
    ServerPacket,
    Signalled,
    SyncHint,
    Writing,
)

_KIND_TEXTS = {int(kind): name for name, kind in KIND_NAMES.items()}
_BODIES = {
    name: field.name
    for field in pb.WsPacket.DESCRIPTOR.fields
    if field.message_type is not None
    for name in (field.name, field.json_name)
}
_RETRY = {code.text: code.value.retry for code in Code}


# Making a NamedTuple through its own __new__ costs twice as much, and this is done for every message.
_new = tuple.__new__


class Codec(ABC):
    """Bytes to and from packets, in one of the two forms.

    Attributes:
        name: for logs.
        opcode: the WebSocket opcode of its messages (RFC 6455, 5.2): 1 text, 2 binary.
        accepts: the opcodes that it reads; its own.
        hints: its clients understand `sync_hint`.
        replays: its clients are given what they missed when they come back: not these, they sync.
    """

    name: str
    opcode: int
    accepts: frozenset[int]
    hints = True
    replays = False

    @abstractmethod
    def _write(self, packet: pb.WsPacket) -> bytes:
        """Return the packet's bytes."""

    @abstractmethod
    def _read(self, payload: bytes) -> pb.WsPacket:
        """Return the packet that the bytes hold, or raise MALFORMED_PACKET."""

    # ------------------------------------------------------------ the server's side

    def decode(self, payload: bytes) -> ClientPacket:
        """Return what a client says.

        Raises:
            ServiceError: MALFORMED_PACKET for bytes that are no packet, or a packet that clients do not send.
        """
        packet = self._read(payload)
        kind = packet.WhichOneof("payload")
        if kind == "chat":
            chat = packet.chat
            fields = (
                packet.seq,
                chat.session_id,
                chat.to_username,
                chat.type,
                chat.content,
                chat.extra,
                chat.client_msg_id,
            )
            return _new(Chat, fields)
        return _rarer(packet, kind)

    def ack(self, answer: SendAnswer, ref_seq: str) -> bytes:
        """Encode the answer to a `Chat`."""
        _, _, message_id, seq, ordinal, created_at, conversation_id, key, code, error = answer
        packet = pb.WsPacket()
        packet.seq = ref_seq
        ack = packet.ack
        ack.ref_seq = ref_seq
        ack.session_id = conversation_id
        ack.client_msg_id = key
        if code:
            ack.code = code
            ack.error = error or code
            ack.retry = _RETRY.get(code, True)
        else:
            ack.msg_id = message_id
            ack.seq_id = seq
            ack.time_ms = created_at
            ack.ordinal = ordinal
        return self._write(packet)

    def push(self, entry: Entry) -> bytes:
        """Encode an entry; the same bytes are for every recipient."""
        conversation_id, seq, message_id, sender, key, kind, content, extra, ordinal, created_at = entry
        packet = pb.WsPacket()
        push = packet.push
        push.msg_id = message_id
        push.seq_id = seq
        push.session_id = conversation_id
        push.from_username = sender
        push.content = content
        push.type = _KIND_TEXTS.get(kind, "custom")
        push.timestamp = created_at // 1000
        push.client_msg_id = key
        push.time_ms = created_at
        push.ordinal = ordinal
        if extra:
            push.extra = extra
        return self._write(packet)

    def signal(self, signal: Signal) -> tuple[bytes, ...]:
        """Encode a signal, in one message."""
        return (self._write(pb.WsPacket(signal=signals.to_proto(signal))),)

    def ready(self, ready: Ready) -> bytes:
        """Encode the first packet of a connection."""
        return self._write(pb.WsPacket(ready=pb.Ready(**ready._asdict())))

    def read_ack(self, ack: ReadAcked) -> bytes:
        """Encode the answer to a `Read`."""
        body = pb.ReadAck(ref_seq=ack.ref_seq, session_id=ack.conversation_id, read_seq=ack.read_seq, unread=ack.unread)
        return self._write(pb.WsPacket(seq=ack.ref_seq, read_ack=body))

    def fault(self, error: ServiceError, ref_seq: str = "") -> bytes:
        """Encode why a packet other than a `Chat` was not done."""
        body = pb.Fault(
            ref_seq=ref_seq,
            code=error.code.text,
            message=error.message,
            field=error.field,
            retry=error.code.value.retry,
        )
        return self._write(pb.WsPacket(seq=ref_seq, fault=body))

    def going_away(self, jitter_ms: int) -> bytes:
        """Encode the wish that the client reconnects after a random time up to `jitter_ms`."""
        return self._write(pb.WsPacket(going_away=pb.GoingAway(jitter_ms=jitter_ms)))

    def sync_hint(self) -> bytes:
        """Encode that pushes may have been missed."""
        return self._write(pb.WsPacket(sync_hint=pb.SyncHint()))

    def farewell(self, _: Close) -> bytes:
        """Say nothing before a close: its code says why."""
        return b""

    # ------------------------------------------------------------ the client's side

    def decode_server(self, payload: bytes) -> ServerPacket | None:
        """Return what the server says; None for a packet that only a newer server knows.

        Raises:
            ServiceError: MALFORMED_PACKET for bytes that are no packet.
        """
        packet = self._read(payload)
        match packet.WhichOneof("payload"):
            case "push":
                return Pushed(_entry(packet.push))
            case "ack":
                return _acked(packet.ack)
            case "signal":
                signal = signals.from_proto(packet.signal)
                return None if signal is None else Signalled(signal)
            case "read_ack":
                read = packet.read_ack
                return ReadAcked(read.ref_seq, read.session_id, read.read_seq, read.unread)
            case "ready":
                return _ready(packet.ready)
            case "fault":
                fault = packet.fault
                return Fault(fault.ref_seq, fault.code, fault.message, fault.field, fault.retry)
            case "going_away":
                return GoingAway(packet.going_away.jitter_ms)
            case "sync_hint":
                return SyncHint()
            case "pulse":
                return Pulse(packet.seq)
            case _:
                return None

    def chat(self, chat: Chat) -> bytes:
        """Encode a message to send."""
        packet = pb.WsPacket()
        packet.seq = chat.seq
        body = packet.chat
        body.session_id = chat.conversation_id
        body.to_username = chat.to_user
        body.type = chat.kind
        body.content = chat.content
        body.extra = chat.extra
        body.client_msg_id = chat.client_msg_id
        return self._write(packet)

    def read(self, read: Read) -> bytes:
        """Encode a wish to move the read pointer."""
        body = pb.ReadRequest(session_id=read.conversation_id, seq_id=read.read_seq)
        return self._write(pb.WsPacket(seq=read.seq, read=body))

    def typing(self, writing: Writing) -> bytes:
        """Encode that the user is typing."""
        return self._write(pb.WsPacket(seq=writing.seq, typing=pb.TypingRequest(session_id=writing.conversation_id)))

    def pulse(self, seq: str = "") -> bytes:
        """Encode a keep-alive; a server's answer to one carries no seq (seed 001)."""
        return self._write(pb.WsPacket(seq=seq, pulse=pb.Pulse()))


def _rarer(packet: pb.WsPacket, kind: str | None) -> ClientPacket:
    """Return what a client says that is no message."""
    seq = packet.seq
    match kind:
        case "pulse":
            return Pulse(seq)
        case "read":
            return Read(seq, packet.read.session_id, packet.read.seq_id)
        case "typing":
            return Writing(seq, packet.typing.session_id)
        case "ack":
            return Receipt(seq)
        case None:
            raise ServiceError(Code.MALFORMED_PACKET, "the packet holds no payload that this server knows")
        case other:
            raise ServiceError(Code.MALFORMED_PACKET, f"a client does not send {other}", field=other)


class _Binary(Codec):
    name = "binary"
    opcode = 2
    accepts = frozenset({2})

    def _write(self, packet: pb.WsPacket) -> bytes:
        return packet.SerializeToString()

    def _read(self, payload: bytes) -> pb.WsPacket:
        try:
            return pb.WsPacket.FromString(payload)
        except DecodeError as exc:
            raise ServiceError(Code.MALFORMED_PACKET, "the frame is no WsPacket") from exc


class _Json(Codec):
    name = "json"
    opcode = 1
    accepts = frozenset({1})

    def _write(self, packet: pb.WsPacket) -> bytes:
        return orjson.dumps(json_format.MessageToDict(packet))

    def _read(self, payload: bytes) -> pb.WsPacket:
        try:
            fields = orjson.loads(payload)
        except orjson.JSONDecodeError as exc:
            raise ServiceError(Code.MALFORMED_PACKET, f"the frame is no JSON: {exc}") from exc
        if not isinstance(fields, dict):
            raise ServiceError(Code.MALFORMED_PACKET, "the frame is no JSON object")
        for name in fields.keys() & _BODIES.keys():
            if not isinstance(fields[name], dict):  # json_format reads a list or a text as an empty message
                raise ServiceError(Code.MALFORMED_PACKET, f"{name} has to be an object", field=_BODIES[name])
        try:
            return json_format.ParseDict(fields, pb.WsPacket(), ignore_unknown_fields=True)
        except json_format.ParseError as exc:
            raise ServiceError(Code.MALFORMED_PACKET, f"the frame is no WsPacket: {exc}"[:300]) from exc


def _entry(push: pb.PushMessage) -> Entry:
    return Entry(
        conversation_id=push.session_id,
        seq=push.seq_id,
        message_id=push.msg_id,
        sender=push.from_username,
        client_msg_id=push.client_msg_id,
        kind=KIND_NAMES.get(push.type, Kind.CUSTOM),
        content=push.content,
        extra=push.extra,
        ordinal=push.ordinal,
        created_at=push.time_ms or push.timestamp * 1000,
    )


def _acked(ack: pb.Ack) -> Acked:
    return Acked(
        ref_seq=ack.ref_seq,
        message_id=ack.msg_id,
        seq=ack.seq_id,
        ordinal=ack.ordinal,
        created_at=ack.time_ms,
        conversation_id=ack.session_id,
        client_msg_id=ack.client_msg_id,
        code=ack.code,
        error=ack.error,
        retry=ack.retry,
    )


def _ready(ready: pb.Ready) -> Ready:
    return Ready(
        ready.connection_id,
        ready.user_id,
        ready.server_time_ms,
        ready.store_epoch,
        ready.ping_interval_s,
        ready.max_in_flight,
        ready.max_message_size,
    )


BINARY: Codec = _Binary()
"""Protobuf in binary messages."""
JSON: Codec = _Json()
"""proto3 JSON in text messages: lowerCamelCase names out, those and the proto's own names in; int64 as strings."""
