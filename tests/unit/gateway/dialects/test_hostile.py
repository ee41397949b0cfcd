"""Whatever bytes a client sends, every codec makes a command of them, or the dialect's own error: never anything else.

The codecs are those of all doors that there are, the native ones included, so a further dialect is tested by its valid
frames alone (`VALID`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resonance.config import Settings
from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import check_client_key
from resonance.domain.model import SendAnswer
from resonance.gateway.dialects import DIALECTS
from resonance.gateway.ws.codec import Codec
from resonance.gateway.ws.commands import Ask, Claimed, Command, Refused
from resonance.gateway.ws.doors import NATIVE, Doors
from resonance.protocol.commands import Chat, Pulse, Read, Receipt, Writing
from resonance.protocol.packets import BINARY, JSON
from tests.e2e.dialects.resonance_messages import make

DOORS = [dialect(Settings()).door() for dialect in DIALECTS]
CODECS: dict[str, Codec] = {door.name: door.codec for door in (*NATIVE, *DOORS)}

Json = Any

CHAT = {"clientMsgId": "k", "sessionId": "c", "toUsername": "bob", "content": "hi", "type": "text", "extra": "{}"}
NEXO_CHAT = {"client_msg_id": "k", "recv_id": "bob", "session_type": 1, "msg_type": 1, "content": {"text": "hi"}}
GOCHAT_CHAT = {"conversationId": "c", "content": "hi", "messageType": "text", "tempMessageId": "t"}


def _nexo(req: int, data: Json) -> Json:
    head = {"req_identifier": req, "msg_incr": "7", "operation_id": "op", "send_id": "ann"}
    return head | {"data": data}


FRAMES: Mapping[str, list[Json]] = {
    "json": [
        {"seq": "1", "chat": CHAT},
        {"seq": "2", "read": {"sessionId": "c", "seqId": "3"}},
        {"seq": "3", "typing": {"sessionId": "c"}},
        {"seq": "4", "ack": {"refSeq": "4"}},
    ],
    "nexo": [
        _nexo(1003, NEXO_CHAT),
        _nexo(1001, {"conversation_ids": ["c"]}),
        _nexo(1002, {"conversation_id": "c", "seq_list": [1, 2]}),
        _nexo(1005, {"conversation_id": "c", "begin_seq": 1, "end_seq": 5, "limit": 2}),
        _nexo(1006, {"conversation_id": "c"}),
    ],
    "gochat": [
        {"type": "send-message", "data": GOCHAT_CHAT, "timestamp": 1},
        {"type": "mark-read", "data": {"conversationId": "c", "seqId": "7"}},
        {"type": "ping"},
    ],
}
"""Valid frames that are JSON."""

_CHAT_PACKET = make("ChatRequest", session_id="c", from_username="ann", to_username="bob", content="hi", timestamp=9)
PACKETS: list[bytes] = [
    make("WsPacket", **fields).SerializeToString()
    for fields in (
        {"seq": "1", "chat": _CHAT_PACKET},
        {"seq": "2", "pulse": make("Pulse")},
        {"seq": "3", "ack": make("Ack", ref_seq="1", msg_id=2**60)},
        {"seq": "4", "push": make("PushMessage", msg_id=1, content="forged")},
    )
]
"""Valid packets, of clients and of the server."""


def _bytes(frame: Json) -> bytes:
    return json.dumps(frame).encode()


def _encoded(frame: Json) -> Json:
    """Return Nexo's frame with its data as Go sends it."""
    return frame | {"data": base64.b64encode(json.dumps(frame["data"]).encode()).decode()}


VALID: Mapping[str, list[bytes]] = {
    "binary": PACKETS,
    "resonance": PACKETS,
    "nexo": [_bytes(form) for frame in FRAMES["nexo"] for form in (frame, _encoded(frame))],
    **{name: [_bytes(frame) for frame in FRAMES[name]] for name in ("json", "gochat")},
}


def answered(codec: Codec, payload: bytes) -> Command | None:
    """Do with a payload what a connection does, and check that whatever is wrong can be told."""
    try:
        command = codec.decode(payload)
    except ServiceError as error:
        raised = error
    else:
        _check(codec, command)
        return command
    assert raised.code is Code.MALFORMED_PACKET
    assert raised.message
    assert codec.fault(raised), "there has to be an answer"
    return None


def _check(codec: Codec, command: Command) -> None:
    """Check that a command holds what logic can take, and can be refused whatever it is."""
    packet = command.packet if isinstance(command, Claimed) else command
    assert isinstance(packet, Chat | Pulse | Read | Receipt | Writing | Ask | Refused)
    if isinstance(packet, Chat):
        assert all(isinstance(value, str) for value in packet[1:])
        "".join(packet[1:]).encode()  # halves of surrogate pairs could not be stored
        busy = SendAnswer(0, 1, 0, 0, 0, 0, packet.conversation_id, packet.client_msg_id, Code.BUSY.text, "busy")
        assert codec.ack(busy, packet.seq)
        _checked_key(packet.client_msg_id)
    elif isinstance(packet, Read):
        assert 0 <= packet.read_seq < 2**63
        "".join((packet.seq, packet.conversation_id)).encode()
    elif isinstance(packet, Refused):
        assert codec.fault(packet.error, packet.ref)
    elif isinstance(packet, Ask):
        assert codec.fault(ServiceError(Code.BUSY), packet.ref)
    if isinstance(command, Claimed):
        command.user_id.encode()
        assert codec.fault(command.error, command.ref)


def _checked_key(key: str) -> None:
    try:
        check_client_key(key)
    except ServiceError as error:
        assert error.code in (Code.INVALID_ARGUMENT, Code.RESERVED_KEY)  # noqa: PT017


by_codec = pytest.mark.parametrize("name", sorted(CODECS))
by_json = pytest.mark.parametrize("name", sorted(FRAMES))


@by_codec
def test_valid_frames_are_read(name: str) -> None:
    """The start of all bending has to be straight, or the bending shows nothing."""
    commands = [answered(CODECS[name], payload) for payload in VALID[name]]
    assert any(isinstance(command.packet if isinstance(command, Claimed) else command, Chat) for command in commands)
    refused = [command for command in commands if command is None or isinstance(command, Refused)]
    assert len(refused) == (1 if VALID[name] is PACKETS else 0)  # the forged push


# ---------------------------------------------------------------- bytes


@by_codec
@given(payload=st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_arbitrary_bytes(name: str, payload: bytes) -> None:
    answered(CODECS[name], payload)


_EDITS = st.lists(
    st.tuples(st.sampled_from(["flip", "cut", "insert", "repeat"]), st.integers(0, 2**16), st.binary(max_size=4)),
    min_size=1,
    max_size=4,
)


def _bent(payload: bytes, edits: list[tuple[str, int, bytes]]) -> bytes:
    for edit, place, more in edits:
        at = place % (len(payload) + 1)
        match edit:
            case "flip":
                payload = (
                    payload[:at]
                    + bytes([payload[at] ^ (1 << place % 8)] if at < len(payload) else [])
                    + (payload[at + 1 :])
                )
            case "cut":
                payload = payload[:at]
            case "insert":
                payload = payload[:at] + more + payload[at:]
            case "repeat":
                payload = payload[:at] + payload
    return payload


@by_codec
@given(data=st.data())
def test_valid_frames_with_bytes_changed(name: str, data: st.DataObject) -> None:
    payload = data.draw(st.sampled_from(VALID[name]))
    answered(CODECS[name], _bent(payload, data.draw(_EDITS)))


# ---------------------------------------------------------------- fields

_TEXTS = st.text(max_size=8) | st.sampled_from(["", "\0", "\ud800", "a\udfff", "~x", "k" * 65, "٣", "1e9", "💥" * 40])
_NUMBERS = st.integers() | st.sampled_from([2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**400]) | st.floats()
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)


def _places(frame: Json, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the path of every field."""
    if not isinstance(frame, dict):
        return []
    return [place for key, value in frame.items() for place in ((*path, key), *_places(value, (*path, key)))]


def _with(frame: Json, path: tuple[str, ...], value: Json) -> Json:
    head, *rest = path
    return frame | {head: _with(frame[head], tuple(rest), value) if rest else value}


@by_json
@given(data=st.data())
def test_valid_frames_with_a_field_changed(name: str, data: st.DataObject) -> None:
    frame = data.draw(st.sampled_from(FRAMES[name]))
    bent = _with(frame, data.draw(st.sampled_from(_places(frame))), data.draw(_VALUES))
    answered(CODECS[name], _bytes(bent))  # NaN, huge numbers and halves of surrogate pairs as a hostile client has them
    if name == "nexo":
        answered(CODECS[name], _bytes(_encoded(bent | {"data": bent.get("data")})))


@pytest.mark.parametrize("depth", [100, 900, 1_000, 1_020, 1_500, 100_000])
@pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}")])
@by_json
def test_nesting(name: str, brackets: tuple[str, str], depth: int) -> None:
    """In any field: parsers have a limit of their own, and beyond it come the functions that show a value."""
    begin, end = brackets
    nested = begin * depth + ("1" if begin != "[" else "") + end * depth
    marked = '"nested here"'
    answered(CODECS[name], nested.encode())
    for frame in FRAMES[name]:
        for path in _places(frame):
            text = json.dumps(_with(frame, path, "nested here")).replace(marked, nested)
            answered(CODECS[name], text.encode())
            if name == "nexo" and path[0] == "data":
                inner = json.dumps(_with(frame, path, "nested here")["data"]).replace(marked, nested)
                answered(CODECS[name], _bytes(frame | {"data": base64.b64encode(inner.encode()).decode()}))


@pytest.mark.parametrize("depth", [50, 101, 10_000])
def test_nesting_in_protobuf(depth: int) -> None:
    """A packet in the unknown fields of a packet, as groups (wire types 3 and 4), which are what nests there."""
    payload = b"\xfb\x01" * depth + b"\xfc\x01" * depth
    for name in ("binary", "resonance"):
        assert answered(CODECS[name], payload) is None


@given(st.integers(0, 15), st.sampled_from(sorted(CODECS)), st.data())
def test_the_first_message_chooses_a_codec_whatever_it_is(opcode: int, name: str, data: st.DataObject) -> None:
    doors = Doors(DOORS)
    payload = data.draw(st.sampled_from(VALID[name]).flatmap(lambda one: _EDITS.map(lambda edits: _bent(one, edits))))
    codec = doors.recognise(opcode, payload)
    assert codec in [*CODECS.values(), BINARY, JSON]
    answered(codec, payload)
