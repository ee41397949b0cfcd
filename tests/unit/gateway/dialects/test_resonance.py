"""Resonance's tables and codec: nothing is lost on the way there, and nothing breaks on the way in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from resonance._proto.gateway.v1 import packet_pb2 as pb
from resonance.domain.content import KIND_NAMES, Kind
from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import UserId, group_conversation_id, single_id
from resonance.domain.model import ConversationKind, Entry, SendAnswer
from resonance.gateway.dialects.resonance import tables
from resonance.gateway.dialects.resonance.codec import ResonanceCodec
from resonance.protocol.commands import Chat, Pulse, Read, Receipt, Writing

CODEC = ResonanceCodec()
int64s = st.integers(0, 2**63 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
handles = st.text(alphabet="ab_-.@é", min_size=1, max_size=6).map(UserId)


def test_every_kind_and_conversation_has_a_form() -> None:
    assert {KIND_NAMES[text]: kind for kind, text in tables.KIND_TEXTS.items()} == {kind: int(kind) for kind in Kind}
    assert set(tables.TYPES) == set(ConversationKind)


def test_every_error_has_a_connect_code() -> None:
    from resonance.gateway.dialects.resonance.connect import refusal

    for code in Code:
        assert refusal(ServiceError(code), code.value.status).status_code >= 400


@given(handles, handles, st.sampled_from(list(Kind)), texts, int64s, int64s, int64s)
def test_a_push_says_all_of_an_entry(
    sender: UserId, peer: UserId, kind: Kind, content: str, message_id: int, seq: int, time: int
) -> None:
    conversation = single_id(sender, peer)
    push = pb.WsPacket.FromString(
        CODEC.push(Entry(conversation, seq, message_id, sender, "k", kind, content, "", 1, time))
    )
    told = push.push
    assert (told.session_id, told.seq_id, told.msg_id) == (conversation, seq, message_id)
    assert (told.from_username, told.to_username, told.content) == (sender, peer, content)
    assert (KIND_NAMES[told.type], told.timestamp) == (kind, time // 1000)


def test_a_push_to_a_group_names_no_recipient() -> None:
    entry = Entry(group_conversation_id("trip"), 1, 2, "ann", "k", Kind.TEXT, "hi", "", 1, 1_000)
    assert pb.WsPacket.FromString(CODEC.push(entry)).push.to_username == ""


@given(texts, int64s, int64s, st.sampled_from(["", *(code.text for code in Code)]))
def test_an_ack_refers_to_its_packet(ref: str, message_id: int, seq: int, code: str) -> None:
    answer = SendAnswer(1, 2, message_id, seq, 1, 5, "si_a_b", "k", code, "")
    packet = pb.WsPacket.FromString(CODEC.ack(answer, ref))
    assert (packet.seq, packet.ack.ref_seq, packet.ack.msg_id, packet.ack.seq_id) == (ref, ref, message_id, seq)
    assert bool(packet.ack.error) == bool(code)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_command_or_malformed(payload: bytes) -> None:
    try:
        command = CODEC.decode(payload)
    except ServiceError as raised:
        error = raised
    else:
        assert isinstance(command, Chat | Pulse | Read | Receipt | Writing)
        return
    assert error.code is Code.MALFORMED_PACKET
    assert pb.WsPacket.FromString(CODEC.fault(error)).ack.error
