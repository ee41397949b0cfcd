"""Nexo's tables, codec and door: nothing is lost on the way there, and nothing breaks on the way in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError
from starlette.requests import Request

from resonance.config.settings import Dialects
from resonance.domain.closes import Close
from resonance.domain.content import CLIENT_KINDS, KIND_NAMES, Kind
from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import OPEN_CONVERSATION, UserId, group_conversation_id, single_id
from resonance.domain.model import (
    Caller,
    Conversation,
    ConversationKind,
    ConversationView,
    Entry,
    EntryPage,
    Member,
    Platform,
    Principal,
    SendAnswer,
)
from resonance.domain.signals import Presence, Typing
from resonance.gateway.dialects.nexo import bodies, errors, reading, tables
from resonance.gateway.dialects.nexo.codec import Head, NexoCodec
from resonance.gateway.dialects.nexo.door import NexoDoor
from resonance.gateway.dialects.nexo.internal import check_signature
from resonance.gateway.ws.commands import Ask, Claimed, Refused
from resonance.gateway.ws.doors import Example
from resonance.gateway.ws.upgrade import UpgradeRequest
from resonance.protocol.commands import Chat

CODEC = NexoCodec()
DOOR = NexoDoor("nexo")
TEXT = {"client_msg_id": "k", "recv_id": "bob", "session_type": 1, "msg_type": 1, "content": {"text": "hi"}}

int64s = st.integers(1, 2**63 - 1)
handles = st.text(alphabet="ab_-.@é", min_size=1, max_size=6).map(UserId)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


def encoded(data: Any) -> str:
    return base64.b64encode(json.dumps(data).encode()).decode()


def frame(req: int, data: Any, **head: Any) -> bytes:
    fields = {"req_identifier": req, "msg_incr": "7", "operation_id": "op", "send_id": "ann", "data": data}
    return json.dumps(fields | head).encode()


def said(payload: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(payload)
    assert set(fields) == {"req_identifier", "msg_incr", "operation_id", "err_code", "err_msg", "data"}
    return fields


# ---------------------------------------------------------------- tables


def test_the_tables_are_whole() -> None:
    assert {Kind(number): name for number, name in tables.PAYLOADS.items()} == {
        kind: name for name, kind in KIND_NAMES.items() if kind in CLIENT_KINDS
    }
    assert set(tables.PLATFORMS) == set(Platform)
    assert set(errors.NUMBERS) == set(Code)
    known = {*range(1001, 1008), *range(2001, 2009), *range(3001, 3009), *range(4001, 4007), *range(5001, 5005)}
    for area in (errors.NUMBERS, errors.BODY, errors.UPGRADES, errors.SENDING, errors.READING, errors.GROUPS):
        assert set(area.values()) <= known


@pytest.mark.parametrize(
    ("area", "number", "code"),
    [
        (errors.ANYWHERE, 1001, Code.INVALID_ARGUMENT),
        (errors.ANYWHERE, 1002, Code.INTERNAL),
        (errors.ANYWHERE, 1005, Code.NOT_FOUND),
        (errors.ANYWHERE, 1006, Code.RATE_LIMITED),
        (errors.ANYWHERE, 1007, Code.PERMISSION_DENIED),
        (errors.ANYWHERE, 2001, Code.TOKEN_INVALID),
        (errors.ANYWHERE, 2002, Code.TOKEN_EXPIRED),
        (errors.ANYWHERE, 2003, Code.UNAUTHENTICATED),
        (errors.ANYWHERE, 2006, Code.USER_NOT_FOUND),
        (errors.ANYWHERE, 2007, Code.USER_EXISTS),
        (errors.ANYWHERE, 2008, Code.WRONG_CREDENTIALS),
        (errors.GROUPS, 3001, Code.CONVERSATION_NOT_FOUND),
        (errors.SENDING, 3001, Code.CONVERSATION_NOT_FOUND),
        (errors.ANYWHERE, 3002, Code.CONVERSATION_DISSOLVED),
        (errors.SENDING, 3003, Code.NOT_MEMBER),
        (errors.GROUPS, 3003, Code.MEMBER_INACTIVE),
        (errors.SENDING, 3004, Code.MEMBER_INACTIVE),
        (errors.ANYWHERE, 3005, Code.ALREADY_MEMBER),
        (errors.ANYWHERE, 3007, Code.ROLE_INSUFFICIENT),
        (errors.ANYWHERE, 3008, Code.OWNER_MUST_STAY),
        (errors.ANYWHERE, 4002, Code.KEY_CONFLICT),
        (errors.READING, 4003, Code.CONVERSATION_NOT_FOUND),
        (errors.READING, 1007, Code.NOT_MEMBER),
        (errors.UPGRADES, 5001, Code.BUSY),
        (errors.ANYWHERE, 5003, Code.MALFORMED_PACKET),
        (errors.BODY, 1001, Code.MALFORMED_PACKET),
    ],
)
def test_errors_have_the_numbers_of_the_seed(area: errors.Area, number: int, code: Code) -> None:
    assert errors.number(ServiceError(code), area) == number


@given(st.sampled_from(sorted(CLIENT_KINDS)), texts)
def test_what_is_sent_comes_back(kind: Kind, content: str) -> None:
    entry = Entry("sg_1", 3, 5, "ann", "k", kind, content, "", 3, 9)
    told = json.loads(orjson.dumps(tables.message(entry)))
    name, text = tables.payload(told["msg_type"], told["content"])
    assert (KIND_NAMES[name], text) == (kind, content)
    assert tables.destination(told["session_type"], told.get("recv_id"), told["group_id"]) == ("sg_1", "")


@given(handles, handles, int64s, int64s, int64s)
def test_a_single_message_names_its_recipient(ann: UserId, bob: UserId, message_id: int, seq: int, time: int) -> None:
    told = tables.message(Entry(single_id(ann, bob), seq, message_id, ann, "k", 1, "hi", "", seq, time))
    assert tables.destination(told["session_type"], told["recv_id"], told.get("group_id")) == ("", bob)
    ids = (told["id"], told["server_msg_id"], told["seq"], told["sender_id"], told["send_at"])
    assert ids == (message_id, message_id, seq, ann, time)


@given(st.text(alphabet="abc019._-", min_size=1, max_size=8))
def test_groups_have_two_names(group_id: str) -> None:
    conversation = group_conversation_id(group_id)
    assert tables.group_id_of(conversation) == group_id
    assert tables.group_conversation(group_id) == tables.group_conversation(conversation) == conversation
    assert tables.group_id_of(single_id(UserId("a"), UserId("b"))) == ""


def test_a_system_entry_is_a_custom_message_and_keys_of_the_server_are_nobodys() -> None:
    told = tables.message(Entry("sg_1", 1, 2, "system", "~gw.1", Kind.SYSTEM, '{"action":"joined"}', "", 0, 9))
    assert (told["msg_type"], told["content"]) == (100, {"custom": '{"action":"joined"}'})
    assert told["client_msg_id"] == ""


@pytest.mark.parametrize(
    ("msg_type", "content"),
    [
        (1, {}),
        (1, {"text": ""}),
        (1, {"text": 5}),
        (1, {"text": "a", "image": "b"}),
        (2, {"text": "a"}),
        (6, {"custom": "a"}),
        (7, {"text": "a"}),
        (True, {"text": "a"}),
        (1.0, {"text": "a"}),
        ("1", {"text": "a"}),
        (None, {"text": "a"}),
        (1, "a"),
        (1, None),
        ([], {"text": "a"}),
    ],
)
def test_content_is_one_text_of_its_type(msg_type: object, content: object) -> None:
    with pytest.raises(ServiceError) as refused:
        tables.payload(msg_type, content)
    assert errors.number(refused.value) == 1001


def test_empty_texts_are_as_none() -> None:
    """Go's clients send every field of the struct."""
    everything = dict.fromkeys(tables.PAYLOADS.values(), "") | {"file": "f"}
    assert tables.payload(5, everything) == ("file", "f")


@pytest.mark.parametrize(
    ("session_type", "recv_id", "group_id"), [(1, "", "g"), (2, "bob", ""), (3, "bob", "g"), (None, "b", "g")]
)
def test_a_message_goes_somewhere(session_type: object, recv_id: str, group_id: str) -> None:
    with pytest.raises(ServiceError) as refused:
        tables.destination(session_type, recv_id, group_id)
    assert errors.number(refused.value) == 1001


# ---------------------------------------------------------------- codec


@pytest.mark.parametrize("data", [TEXT, encoded(TEXT)])
def test_a_message(data: object) -> None:
    claimed = CODEC.decode(frame(1003, data))
    assert isinstance(claimed, Claimed)
    head = Head(1003, "7", "op", isinstance(data, str))
    assert claimed[:3] == (head, "ann", Chat(head, "", "bob", "text", "hi", "", "k"))
    assert errors.number(claimed.error) == 2004
    answer = said(CODEC.ack(SendAnswer(1, 1, 2**60, 4, 4, 99, "si_ann_bob", "k", "", ""), head))
    sent = {"server_msg_id": 2**60, "conversation_id": "si_ann_bob", "seq": 4, "client_msg_id": "k", "send_at": 99}
    told = answer.pop("data")
    assert (json.loads(base64.b64decode(told)) if head.encoded else told) == sent
    assert answer == {"req_identifier": 1003, "msg_incr": "7", "operation_id": "op", "err_code": 0, "err_msg": ""}


@pytest.mark.parametrize(
    ("code", "number"),
    [
        (Code.CONVERSATION_NOT_FOUND, 3001),
        (Code.CONVERSATION_DISSOLVED, 3002),
        (Code.NOT_MEMBER, 3003),
        (Code.MEMBER_INACTIVE, 3004),
        (Code.USER_NOT_FOUND, 2006),
        (Code.KEY_CONFLICT, 4002),
        (Code.RATE_LIMITED, 1006),
    ],
)
def test_a_refused_message_says_its_code_twice(code: Code, number: int) -> None:
    answer = said(CODEC.ack(SendAnswer(1, 1, 0, 0, 0, 0, "c", "k", code.text, "why"), Head(1003, "7", "op")))
    assert (answer["err_code"], answer["err_msg"], answer["data"]) == (number, f"errcode: {number}, msg: why", None)


@pytest.mark.parametrize(
    ("req", "data"),
    [
        (1001, {"conversation_ids": ["a", "b"]}),
        (1001, {}),
        (1002, {"conversation_id": "c", "seq_list": [1, 3]}),
        (1005, {"conversation_id": "c", "begin_seq": 1, "end_seq": 5, "limit": 2}),
        (1005, {"conversation_id": "c"}),
        (1006, {"conversation_id": "c"}),
    ],
)
def test_questions(req: int, data: dict[str, Any]) -> None:
    for form in (data, encoded(data)):
        claimed = CODEC.decode(frame(req, form))
        assert isinstance(claimed, Claimed)
        assert isinstance(claimed.packet, Ask)
        assert claimed.packet.ref.req == req


@pytest.mark.parametrize(
    ("req", "data", "number"),
    [
        (1004, {}, 5003),
        (2001, {}, 5003),
        (None, {}, 5003),
        ("1003", TEXT, 5003),
        (1003, "%%%", 5003),
        (1003, encoded([1]), 5003),
        (1003, base64.b64encode(b"{").decode(), 5003),
        (1003, [], 5003),
        (1003, TEXT | {"client_msg_id": ""}, 1001),
        (1003, None, 1001),
        (1002, {"conversation_id": "c", "seq_list": ["1"]}, 1001),
        (1002, {"seq_list": [1]}, 1001),
        (1002, {"conversation_id": "c", "seq_list": [1, 2**63]}, 1001),
        (1005, {"conversation_id": "c", "begin_seq": "1"}, 1001),
        (1005, {"conversation_id": "c", "begin_seq": True}, 1001),
        (1001, {"conversation_ids": "a"}, 1001),
    ],
)
def test_what_is_wrong_is_answered(req: object, data: object, number: int) -> None:
    refused = CODEC.decode(frame(0, data, req_identifier=req))
    assert isinstance(refused, Refused)
    answer = said(CODEC.fault(refused.error, refused.ref))
    assert (answer["err_code"], answer["msg_incr"], answer["operation_id"]) == (number, "7", "op")


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b"1", b'"x"', b"null", b"\xff"])
def test_what_is_no_request(payload: bytes) -> None:
    with pytest.raises(ServiceError) as refused:
        CODEC.decode(payload)
    answer = said(CODEC.fault(refused.value))
    assert (answer["req_identifier"], answer["err_code"]) == (3001, 5003)
    assert "invalid protocol" in answer["err_msg"]


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@example(b"[" * 100_000)
def test_no_bytes_break_the_codec(payload: bytes) -> None:
    _read(payload)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_NAMES = ["client_msg_id", "recv_id", "group_id", "session_type", "msg_type", "content", "conversation_id"]
_DATA = st.dictionaries(
    st.sampled_from([*_NAMES, "seq_list", "begin_seq", "limit", "conversation_ids"]), _JSON | int64s
)


@given(st.sampled_from([1001, 1002, 1003, 1005, 1006]) | _JSON, _DATA | _JSON, st.booleans(), _JSON)
def test_no_fields_break_the_codec(req: object, data: object, encode: bool, other: object) -> None:
    fields = {"req_identifier": req, "data": encoded(data) if encode else data, "msg_incr": other, "send_id": other}
    _read(json.dumps(fields).encode())


def _read(payload: bytes) -> None:
    """Decode as a connection does, and answer; any error but the dialect's own fails the test."""
    try:
        command = CODEC.decode(payload)
    except ServiceError as error:
        assert error.code is Code.MALFORMED_PACKET  # noqa: PT017
        said(CODEC.fault(error))
        return
    if isinstance(command, Claimed) and isinstance(command.packet, Chat):
        assert command.packet.client_msg_id
        assert command.packet.content
    elif isinstance(command, Refused):
        said(CODEC.fault(command.error, command.ref))


def test_a_push_is_binary_and_go_can_read_it() -> None:
    entry = Entry("si_ann_bob", 5, 2**60 + 1, "ann", "k", 1, "hello", "", 5, 1_795_427_207_929)
    told = said(CODEC.push(entry))
    assert (CODEC.opcode, told["req_identifier"], told["err_code"]) == (2, 2001, 0)
    assert json.loads(base64.b64decode(told["data"])) == {"msgs": {"si_ann_bob": [tables.message(entry)]}}


def test_what_its_clients_have_no_place_for_is_not_sent() -> None:
    assert CODEC.push(Entry(OPEN_CONVERSATION, 1, 2, "ann", "k", 1, "hi", "", 1, 9)) == b""
    assert CODEC.signal(Presence("ann", True, 0)) == CODEC.signal(Typing("c", "ann")) == ()


@pytest.mark.parametrize("close", list(Close))
def test_only_a_login_that_was_ended_is_kicked(close: Close) -> None:
    kicked = close in (Close.KICKED, Close.LOGGED_OUT, Close.USER_DISABLED)
    last = CODEC.farewell(close)
    assert [said(last)["req_identifier"]] == [2002] if kicked else last == b""


PAIR = single_id(UserId("ann"), UserId("bob"))
ENTRY = Entry(PAIR, 3, 384128268300713984, "ann", "key-1", 1, "hello", "", 3, 9)


@pytest.mark.parametrize("example", [one for one in DOOR.examples if one.answer], ids=lambda one: one.name)
async def test_answers_are_what_the_documentation_shows(example: Example) -> None:
    view = ConversationView(
        Conversation(PAIR, ConversationKind.SINGLE, max_seq=3),
        Member(PAIR, UserId("ann"), read_seq=2),
        ENTRY,
        visible_seq=3,
        unread=1,
        peer=None,
    )
    messages = SimpleNamespace(
        heads=AsyncMock(return_value={PAIR: 3}),
        pull=AsyncMock(return_value=EntryPage([ENTRY], 1, 3)),
        pick=AsyncMock(return_value=EntryPage([ENTRY], 1, 3)),
    )
    conversations = SimpleNamespace(get=AsyncMock(return_value=view))
    services: Any = SimpleNamespace(messages=messages, conversations=conversations)
    claimed = CODEC.decode(example.payload)
    assert isinstance(claimed, Claimed)
    assert isinstance(claimed.packet, Ask)
    assert await claimed.packet.work(services, Caller(UserId("ann"), 5, "d")) == example.answer


async def test_seqs_far_apart_are_one_question_of_logic_s() -> None:
    messages = AsyncMock()
    messages.pull.return_value = messages.pick.return_value = EntryPage([ENTRY], 1, 100_000)
    services: Any = SimpleNamespace(messages=messages)
    caller = Caller(UserId("ann"), 5, "d")
    assert (await reading.pull_seqs(services, caller, PAIR, range(3, 100_000, 1_000)))["max_seq"] == 100_000
    assert len(messages.method_calls) == 1


# ---------------------------------------------------------------- door


def upgrade(query: dict[str, str], path: str = "/ws") -> UpgradeRequest:
    return UpgradeRequest("GET", path, query, {}, "")


def test_the_door_knows_its_own() -> None:
    assert DOOR.claims(upgrade({"send_id": "ann"}))
    assert not DOOR.claims(upgrade({"token": "t"}))
    assert DOOR.recognises({"req_identifier": 1001})
    assert DOOR.paths == ("/im/ws",)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"token": "t"},
        {"send_id": "ann"},
        {"token": "t", "send_id": ""},
        {"token": "t", "send_id": "a", "platform_id": "9"},
    ],
)
def test_missing_parameters_are_400(query: dict[str, str]) -> None:
    with pytest.raises(ServiceError) as refused:
        DOOR.check(upgrade(query))
    assert DOOR.refusal(refused.value).status_code == 400


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ({"send_id": "ann"}, True),
        ({"send_id": "ann", "platform_id": "5"}, True),
        ({"send_id": "bob", "platform_id": "5"}, False),
        ({"send_id": "ann", "platform_id": "1"}, False),
    ],
)
def test_a_token_is_for_one_user_and_platform(query: dict[str, str], fits: bool) -> None:
    principal = Principal(Caller(UserId("ann"), 5, "d"), 0)
    request = upgrade({"token": "t"} | query)
    if fits:
        DOOR.check_principal(request, principal)
        return
    with pytest.raises(ServiceError) as refused:
        DOOR.check_principal(request, principal)
    response = DOOR.refusal(refused.value)
    assert (response.status_code, json.loads(bytes(response.body))["code"]) == (401, 2004)


@pytest.mark.parametrize(
    ("code", "status"),
    [(Code.TOKEN_INVALID, 401), (Code.TOKEN_EXPIRED, 401), (Code.UNAVAILABLE, 503), (Code.BUSY, 503)],
)
def test_refused_upgrades_have_a_status(code: Code, status: int) -> None:
    assert DOOR.refusal(ServiceError(code)).status_code == status


# ---------------------------------------------------------------- services


SECRET = "a secret of services"


def signed(
    secret: str = SECRET, at: int = 1_000, path: str = "/im/internal/msg/send", changes: Mapping[str, str] | None = None
) -> Request:
    told = "\n".join(("billing", str(at), "POST", "/im/internal/msg/send", hashlib.sha256(b"{}").hexdigest()))
    signature = hmac.new(secret.encode(), told.encode(), hashlib.sha256).hexdigest()
    given = {"x-service-name": "billing", "x-timestamp": str(at), "x-signature": signature, **(changes or {})}
    raw = [(name.encode(), value.encode()) for name, value in given.items()]
    return Request(
        {"type": "http", "method": "POST", "path": path, "headers": raw, "server": ("x", 80), "query_string": b""}
    )


@pytest.mark.parametrize(
    ("request_", "services", "body", "code"),
    [
        (signed(), (), b"{}", None),
        (signed(), ("billing",), b"{}", None),
        (signed(), ("other",), b"{}", Code.PERMISSION_DENIED),
        (signed(), (), b"{ }", Code.TOKEN_INVALID),
        (signed(secret="another secret!!"), (), b"{}", Code.TOKEN_INVALID),
        (signed(path="/im/internal/user/info"), (), b"{}", Code.TOKEN_INVALID),
        (signed(at=1_301), (), b"{}", Code.TOKEN_EXPIRED),
        (signed(at=699), (), b"{}", Code.TOKEN_EXPIRED),
        (signed(changes={"x-timestamp": ""}), (), b"{}", Code.UNAUTHENTICATED),
        (signed(changes={"x-signature": "é"}), (), b"{}", Code.TOKEN_INVALID),
    ],
)
def test_services_sign(request_: Request, services: tuple[str, ...], body: bytes, code: Code | None) -> None:
    config = Dialects(nexo_internal_secret=SecretStr(SECRET), nexo_internal_services=services)
    if code is None:
        check_signature(config, request_, body, lambda: 1_000)
        return
    with pytest.raises(ServiceError) as refused:
        check_signature(config, request_, body, lambda: 1_000)
    assert refused.value.code is code


def test_without_a_secret_there_are_no_services() -> None:
    with pytest.raises(ServiceError) as refused:
        check_signature(Dialects(), signed(), b"{}", lambda: 1_000)
    assert refused.value.code is Code.NOT_FOUND


@pytest.mark.parametrize("field", ["msg_type", "session_type"])
def test_truth_is_no_number(field: str) -> None:
    with pytest.raises(ValidationError):
        bodies.Message.model_validate(TEXT | {field: True})
    refused = CODEC.decode(frame(1003, TEXT | {field: True}))
    assert isinstance(refused, Refused)
    assert (refused.error.code, refused.error.field) == (Code.INVALID_ARGUMENT, field)
