"""Whatever bytes a client sends, every codec makes a command of them, or the dialect's own error: never anything else.

The codecs are those of all doors that there are, the native ones included, and what is bent are the doors' examples: a
further dialect is tested by being there.
"""

from __future__ import annotations

import base64
import contextlib
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


def _opened(value: Json) -> Json:
    """Return a frame whose base64 is opened, where it holds a JSON object."""
    if isinstance(value, dict):
        return {name: _opened(inner) for name, inner in value.items()}
    with contextlib.suppress(ValueError, TypeError):
        inner = json.loads(base64.b64decode(value, validate=True))
        return inner if isinstance(inner, dict) else value
    return value


def _bytes(frame: Json) -> bytes:
    return json.dumps(frame).encode()


def _forms(frame: Json) -> list[bytes]:
    """Return a frame as it is, and with each object in it as base64."""
    objects = [name for name, value in frame.items() if isinstance(value, dict)] if isinstance(frame, dict) else []
    closed = [frame | {name: base64.b64encode(_bytes(frame[name])).decode()} for name in objects]
    return [_bytes(form) for form in (frame, *closed)]


FORGED = make("WsPacket", seq="4", push=make("PushMessage", msg_id=1, content="forged")).SerializeToString()
"""A packet that only the server sends."""
VALID: Mapping[str, list[bytes]] = {
    door.name: [example.payload for example in door.examples] for door in (*NATIVE, *DOORS)
}
FRAMES: Mapping[str, list[Json]] = {
    name: [_opened(json.loads(payload)) for payload in payloads]
    for name, payloads in VALID.items()
    if payloads[0].startswith(b"{")
}
"""Those that are JSON."""


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
        assert -(2**63) <= packet.read_seq < 2**63  # logic refuses what is below 0
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
    assert not [command for command in commands if command is None or isinstance(command, Refused)]


@pytest.mark.parametrize("name", ["binary", "resonance"])
def test_a_packet_of_the_servers_is_refused(name: str) -> None:
    assert answered(CODECS[name], FORGED) is None


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
    for payload in _forms(bent):  # NaN, huge numbers and halves of surrogate pairs as a hostile client has them
        answered(CODECS[name], payload)


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
            for field in frame:
                if path[0] == field and path[1:]:
                    inner = json.dumps(_with(frame, path, "nested here")[field]).replace(marked, nested)
                    answered(CODECS[name], _bytes(frame | {field: base64.b64encode(inner.encode()).decode()}))


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
