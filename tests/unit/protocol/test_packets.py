"""Native packets, against bytes written by hand: the codec is not trusted to check itself."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Entry, SendAnswer
from resonance.domain.signals import (
    ConversationChanged,
    FriendChanged,
    Presence,
    ProfileChanged,
    Signal,
    Typing,
)
from resonance.domain.signals import Receipt as ReadReceipt
from resonance.protocol.commands import (
    Acked,
    Chat,
    Fault,
    GoingAway,
    Pulse,
    Pushed,
    Read,
    ReadAcked,
    Ready,
    Receipt,
    Signalled,
    SyncHint,
    Writing,
)
from resonance.protocol.packets import BINARY, JSON, Codec

CODECS = [BINARY, JSON]
ENTRY = Entry("si_a_b", 3, 9_007_199_254_740_993, "a", "key-1", 1, "héllo", '{"x":1}', 2, 1_700_000_000_123)


def text(number: int, value: str) -> bytes:
    """Write a short string or message field as protobuf does."""
    data = value.encode()
    return (
        bytes([(number << 3 | 2) & 0x7F | (0x80 if number > 15 else 0)])
        + (bytes([number >> 4]) if number > 15 else b"")
        + bytes([len(data)])
        + data
    )


@pytest.fixture(params=CODECS, ids=lambda codec: codec.name)
def codec(request: pytest.FixtureRequest) -> Codec:
    chosen: Codec = request.param
    return chosen


def refused(codec: Codec, payload: bytes) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        codec.decode(payload)
    return caught.value


def test_a_binary_chat_is_read_field_by_field() -> None:
    body = text(3, "si_a_b") + text(4, "forged") + text(5, "b") + text(6, "hi") + text(7, "image") + text(20, "k")
    raw = text(1, "m-1") + b"\x5a" + bytes([len(body)]) + body
    assert BINARY.decode(raw) == Chat("m-1", "si_a_b", "b", "image", "hi", "", "k")


def test_a_json_chat_is_read_by_either_spelling_and_unknown_fields_are_ignored() -> None:
    raw = b'{"seq":"1","new":[1],"chat":{"sessionId":"c","to_username":"b","content":"hi","newer":{"x":1}}}'
    assert JSON.decode(raw) == Chat("1", "c", "b", "", "hi", "", "")


def test_a_pulse_is_answered_in_the_bytes_of_seed_001() -> None:
    assert BINARY.pulse() == b"\x52\x00"


def test_an_ack_carries_the_reference_twice_and_64_bits_as_text() -> None:
    answer = SendAnswer(1, 2, 9_007_199_254_740_993, 3, 2, 1_700_000_000_123, "si_a_b", "k", "", "")
    assert json.loads(JSON.ack(answer, "m-1")) == {
        "seq": "m-1",
        "ack": {
            "refSeq": "m-1",
            "msgId": "9007199254740993",
            "seqId": "3",
            "sessionId": "si_a_b",
            "clientMsgId": "k",
            "timeMs": "1700000000123",
            "ordinal": "2",
        },
    }


def test_a_refusal_says_code_text_and_retry(codec: Codec) -> None:
    answer = SendAnswer(1, 2, 0, 0, 0, 0, "si_a_b", "k", "busy", "")
    assert codec.decode_server(codec.ack(answer, "m")) == Acked(
        "m", 0, 0, 0, 0, "si_a_b", "k", "busy", "busy", retry=True
    )
    muted = codec.decode_server(codec.ack(answer._replace(code="muted", error="until noon"), "m"))
    assert isinstance(muted, Acked)
    assert (muted.error, muted.retry) == ("until noon", False)


def test_a_push_has_seconds_and_milliseconds_and_the_kind_by_name() -> None:
    push = json.loads(JSON.push(ENTRY))["push"]
    assert push == {
        "msgId": "9007199254740993",
        "seqId": "3",
        "sessionId": "si_a_b",
        "fromUsername": "a",
        "content": "héllo",
        "type": "text",
        "timestamp": "1700000000",
        "clientMsgId": "key-1",
        "timeMs": "1700000000123",
        "ordinal": "2",
        "extra": '{"x":1}',
    }


def test_what_the_server_says_arrives(codec: Codec) -> None:
    ready = Ready("7", "a", 1_700_000_000_000, "epoch", 30, 256, 1 << 20)
    read = ReadAcked("r", "si_a_b", 3, 1)
    fault = Fault("r", "not_member", "no", "session_id", retry=False)
    said = [
        (codec.push(ENTRY), Pushed(ENTRY)),
        (codec.ready(ready), ready),
        (codec.read_ack(read), read),
        (codec.fault(ServiceError(Code.NOT_MEMBER, "no", field="session_id"), "r"), fault),
        (codec.going_away(2_000), GoingAway(2_000)),
        (codec.sync_hint(), SyncHint()),
        (codec.pulse(), Pulse()),
    ]
    for payload, packet in said:
        assert codec.decode_server(payload) == packet


def test_what_a_client_says_arrives(codec: Codec) -> None:
    chat = Chat("1", "si_a_b", "b", "custom", "{}", '{"y":2}', "k")
    assert codec.decode(codec.chat(chat)) == chat
    assert codec.decode(codec.read(Read("2", "si_a_b", 9))) == Read("2", "si_a_b", 9)
    assert codec.decode(codec.typing(Writing("3", "si_a_b"))) == Writing("3", "si_a_b")
    assert codec.decode(codec.pulse("4")) == Pulse("4")
    assert codec.decode(codec.ack(SendAnswer(0, 0, 1, 1, 1, 1, "", "", "", ""), "ack-9")) == Receipt("ack-9")


@pytest.mark.parametrize(
    "signal",
    [
        Presence("a", True, 5),
        Typing("c", "a"),
        ReadReceipt("c", "a", 4),
        ConversationChanged("c", "joined", "a", ("b", "d"), 7),
        FriendChanged("requested", "a", "hello"),
        ProfileChanged("a"),
    ],
    ids=lambda signal: type(signal).__name__,
)
def test_every_signal_arrives(codec: Codec, signal: Signal) -> None:
    (message,) = codec.signal(signal)
    assert codec.decode_server(message) == Signalled(signal)


def test_a_packet_of_a_newer_server_is_none(codec: Codec) -> None:
    unknown = b"\xfa\x01\x00" if codec is BINARY else b'{"newer":{}}'
    assert codec.decode_server(unknown) is None
    future_signal = b"\xc2\x01\x02\x7a\x00" if codec is BINARY else b'{"signal":{"newer":{}}}'
    assert codec.decode_server(future_signal) is None


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xff\xff",
        b"\x0a\x05ab",
        b"\x0a\x02\xff\xfe",  # a text field that is no UTF-8
        b"\x5a\x02\x33\xff",
        b"\x58\x05",  # chat as a number
        b"\xfa\x01\x00",  # a payload this server does not know
        text(1, "only a seq"),
    ],
)
def test_binary_that_is_no_packet_is_refused(payload: bytes) -> None:
    assert refused(BINARY, payload).code is Code.MALFORMED_PACKET


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"\xff",
        b"{}",
        b'{"seq":1,"pulse":{}}',
        b'{"chat":"text"}',
        b'{"chat":[]}',
        b'{"chat":null}',
        b'{"chat":{"content":7}}',
        b'{"chat":{"content":["x"]}}',
        b'{"chat":{"content":"\\ud800"}}',
        b'{"read":{"seqId":"x"}}',
        b'{"read":{"seqId":1.5}}',
        b'{"read":{"seqId":99999999999999999999}}',
        b'{"chat":{},"pulse":{}}',
        b'{"chat":' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
    ],
)
def test_json_that_is_no_packet_is_refused(payload: bytes) -> None:
    assert refused(JSON, payload).code is Code.MALFORMED_PACKET


def test_a_server_packet_from_a_client_is_refused_by_name(codec: Codec) -> None:
    error = refused(codec, codec.push(ENTRY))
    assert (error.code, error.field) == (Code.MALFORMED_PACKET, "push")


def outcome(codec: Codec, payload: bytes) -> Code | None:
    try:
        codec.decode(payload)
    except ServiceError as error:
        return error.code
    return None


@given(st.binary(max_size=200))
def test_no_bytes_break_a_codec(payload: bytes) -> None:
    assert {outcome(codec, payload) for codec in CODECS} <= {None, Code.MALFORMED_PACKET}


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "1", "x", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["sessionId", "seqId", "a"]), inner),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(["seq", "chat", "read", "typing", "pulse", "signal", "other"]), _VALUES))
def test_no_json_breaks_the_codec(fields: dict[str, object]) -> None:
    assert outcome(JSON, json.dumps(fields).encode()) in {None, Code.MALFORMED_PACKET}
