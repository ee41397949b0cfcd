"""Resonance's packets: `WsPacket` with the fields that its own clients know (wire numbers below 20)."""

from __future__ import annotations

from resonance._proto.gateway.v1 import packet_pb2 as pb
from resonance.domain.errors import ServiceError
from resonance.domain.model import Entry, SendAnswer
from resonance.domain.signals import Signal
from resonance.gateway.dialects.resonance.tables import SessionIds, fill_push, send_error
from resonance.gateway.ws.codec import Codec
from resonance.gateway.ws.commands import Command, Refused
from resonance.gateway.ws.doors import Example
from resonance.protocol import packets
from resonance.protocol.commands import Chat, Read, Writing

_CHAT = pb.ChatRequest(
    session_id="si_ann_bob",
    from_username="ann",
    to_username="bob",
    content="hello",
    type="text",
    timestamp=1_795_650_514,
)
EXAMPLES = (
    Example("chat", "A message to send.", pb.WsPacket(seq="temp-1", chat=_CHAT).SerializeToString()),
    Example("pulse", "Keep-alive.", pb.WsPacket(seq="2", pulse=pb.Pulse()).SerializeToString()),
    Example(
        "ack",
        "A push arrived; nothing is done with it.",
        pb.WsPacket(seq="ack-7", ack=pb.Ack(ref_seq="7")).SerializeToString(),
    ),
)


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
        if not isinstance(packet, Chat | Read | Writing):
            return packet
        try:
            conversation_id = self._ids.conversation(packet.conversation_id)
        except ServiceError as error:
            return Refused(packet.seq, error)
        return packet if conversation_id == packet.conversation_id else packet._replace(conversation_id=conversation_id)

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
