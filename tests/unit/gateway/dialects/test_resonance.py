"""Resonance's tables and codec: nothing is lost on the way there, and nothing breaks on the way in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resonance._proto.gateway.v1 import packet_pb2 as pb
from resonance.config import Settings
from resonance.domain.content import KIND_NAMES, Kind
from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import OPEN_CONVERSATION, UserId, group_conversation_id, single_id
from resonance.domain.model import ConversationKind, Entry, SendAnswer
from resonance.gateway.dialects import DIALECTS
from resonance.gateway.dialects.resonance import tables
from resonance.gateway.dialects.resonance.codec import ResonanceCodec
from resonance.gateway.ws.commands import Refused
from resonance.protocol.commands import Chat, Pulse, Read, Receipt, Writing

CODEC = ResonanceCodec(tables.SessionIds(room=False))
ROOM_CODEC = ResonanceCodec(tables.SessionIds(room=True))
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


@given(handles, handles, st.sampled_from(list(Kind)), texts, int64s, st.integers(1, 2**63 - 1), st.integers(1, 2**37))
def test_a_push_and_its_way_back(
    sender: UserId, peer: UserId, kind: Kind, content: str, message_id: int, seq: int, time: int
) -> None:
    conversation = single_id(sender, peer)
    entry = Entry(conversation, seq, message_id, sender, "", kind, content, "", 0, time * 1000)
    assert tables.pushed_entry(tables.push_message(entry, conversation), conversation) == entry


@pytest.mark.parametrize(
    "fields",
    [
        {"session_id": ""},
        {"seq_id": 0},
        {"seq_id": -1},
        {"type": "dance"},
        {"timestamp": -1},
        {"timestamp": tables.MAX_TIMESTAMP + 1},
    ],
)
def test_what_is_no_push(fields: dict[str, Any]) -> None:
    values: dict[str, Any] = {"session_id": "c", "seq_id": 1, "content": "hi"} | fields
    push = pb.PushMessage(**values)
    with pytest.raises(ServiceError) as refused:
        tables.pushed_entry(push, "c")
    assert refused.value.field == f"message.{next(iter(fields))}"


def test_the_last_time_there_is_can_be_told_by_every_dialect() -> None:
    push = pb.PushMessage(session_id="si_a_b", seq_id=1, from_username="a", timestamp=tables.MAX_TIMESTAMP)
    entry = tables.pushed_entry(push, "si_a_b")
    assert all(dialect(Settings()).door().codec.push(entry) for dialect in DIALECTS)


@pytest.mark.parametrize("codec", [CODEC, ROOM_CODEC])
def test_everybodys_conversation_is_a_room_or_hidden(codec: ResonanceCodec) -> None:
    entry = Entry(OPEN_CONVERSATION, 1, 2, UserId("ann"), "k", Kind.TEXT, "hi", "", 1, 1_000)
    sent = codec.decode(pb.WsPacket(chat=pb.ChatRequest(session_id="0", content="hi")).SerializeToString())
    assert isinstance(sent, Chat)
    answer = SendAnswer(1, 2, 3, 4, 1, 5, OPEN_CONVERSATION, "k", "", "")
    acked = pb.WsPacket.FromString(codec.ack(answer, "")).ack.session_id
    if codec is CODEC:
        assert (sent.conversation_id, acked, codec.push(entry)) == ("0", "", b"")
    else:
        assert (sent.conversation_id, acked) == (OPEN_CONVERSATION, "0")
        assert pb.WsPacket.FromString(codec.push(entry)).push.session_id == "0"


@pytest.mark.parametrize("codec", [CODEC, ROOM_CODEC])
@pytest.mark.parametrize(
    "packet",
    [
        pb.WsPacket(seq="1", chat=pb.ChatRequest(session_id="world", content="hi")),
        pb.WsPacket(seq="1", read=pb.ReadRequest(session_id="world", seq_id=1)),
        pb.WsPacket(seq="1", typing=pb.TypingRequest(session_id="world")),
    ],
)
def test_the_cores_name_of_everybodys_conversation_is_nobodys(codec: ResonanceCodec, packet: pb.WsPacket) -> None:
    refused = codec.decode(packet.SerializeToString())
    assert isinstance(refused, Refused)
    assert (refused.ref, refused.error.code) == ("1", Code.CONVERSATION_NOT_FOUND)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('{"action":"created","changes":{"name":"Trip"}}', "Trip"),
        ('{"action":"updated","changes":{"name":"Trip"}}', "Trip"),
        ('{"action":"updated","changes":{"avatar":"a"}}', ""),
        ('{"action":"joined"}', ""),
        ('{"changes":[]}', ""),
        ('{"changes":{"name":5}}', ""),
        ("[]", ""),
        ("no JSON", ""),
    ],
)
def test_a_system_message_that_names_a_group_says_what_it_is_called(content: str, name: str) -> None:
    entry = Entry(group_conversation_id("trip"), 1, 2, UserId("system"), "", Kind.SYSTEM, content, "", 0, 1_000)
    push = pb.WsPacket.FromString(CODEC.push(entry)).push
    assert push.HasField("session_meta") == bool(name)
    assert (push.session_meta.name, push.session_meta.type) == ((name, 2) if name else ("", 0))


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
