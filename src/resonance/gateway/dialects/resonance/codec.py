"""Resonance's packets: `WsPacket` with the fields that its own clients know (wire numbers below 20)."""

from __future__ import annotations

from resonance._proto.gateway.v1 import packet_pb2 as pb
from resonance.domain.errors import ServiceError
from resonance.domain.model import Entry, SendAnswer
from resonance.domain.signals import Signal
from resonance.gateway.dialects.resonance.tables import SessionIds, fill_push, send_error
from resonance.gateway.ws.codec import Codec
from resonance.gateway.ws.commands import Command
from resonance.protocol import packets
from resonance.protocol.commands import Chat, Read, Writing


class ResonanceCodec(Codec):
    """Protobuf in binary messages. What a client may say is what a native one may."""

    name = "resonance"
    opcode = 2
    accepts = frozenset({2})

    def __init__(self, ids: SessionIds) -> None:
        self._ids = ids

    def decode(self, payload: bytes) -> Command:
        """Return what a client asks."""
        packet = packets.BINARY.decode(payload)
        if self._ids.room and isinstance(packet, Chat | Read | Writing):
            return packet._replace(conversation_id=self._ids.conversation(packet.conversation_id))
        return packet

    def ack(self, answer: SendAnswer, ref: str) -> bytes:
        """Answer a `ChatRequest`; `seq` and `ref_seq` are the client's."""
        packet = pb.WsPacket(seq=ref)
        ack = packet.ack
        ack.ref_seq = ref
        ack.msg_id = answer.message_id
        ack.seq_id = answer.seq
        ack.session_id = self._ids.session(answer.conversation_id)
        ack.error = send_error(answer.code, answer.error)
        return packet.SerializeToString()

    def push(self, entry: Entry) -> bytes:
        """Tell of an entry, unless it is of a conversation that is hidden from these clients."""
        session_id = self._ids.session(entry.conversation_id)
        if not session_id:
            return b""
        packet = pb.WsPacket()
        fill_push(packet.push, entry, session_id)
        return packet.SerializeToString()

    def signal(self, signal: Signal) -> tuple[bytes, ...]:
        """Tell of nothing: Resonance has no signals."""
        return ()

    def fault(self, error: ServiceError, ref: str = "") -> bytes:
        """Answer by an ack with an error, the only refusal that there is."""
        return pb.WsPacket(seq=ref, ack=pb.Ack(ref_seq=ref, error=error.message)).SerializeToString()

    def pulse(self) -> bytes:
        """Answer a pulse by one without a seq."""
        return packets.BINARY.pulse()
