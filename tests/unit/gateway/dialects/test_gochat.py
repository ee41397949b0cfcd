"""GoChat's frames and tables, without a server."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from resonance._proto.gochat.v1.gochat_pb2 import SystemSignal
from resonance.domain.content import KIND_NAMES, parse_kind
from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import UserId, check_client_key, single_id
from resonance.domain.model import (
    Caller,
    Conversation,
    ConversationKind,
    ConversationPage,
    ConversationView,
    Entry,
    Member,
    PresenceState,
    Role,
    SendAnswer,
    User,
    UserStatus,
)
from resonance.domain.signals import ConversationChanged, FriendChanged, Presence, ProfileChanged, Receipt, Signal
from resonance.gateway.dialects.gochat import bodies
from resonance.gateway.dialects.gochat.codec import GoChatCodec
from resonance.gateway.dialects.gochat.routes.accounts import online
from resonance.gateway.dialects.gochat.servants import values
from resonance.gateway.dialects.gochat.servants.pusher import read_signal
from resonance.gateway.dialects.gochat.tables import (
    KIND_NUMBERS,
    ROLES,
    TYPES,
    USER_STATES,
    error_code,
    iso,
    kind_name,
    kind_number,
    request_id,
    request_parties,
    words,
)
from resonance.gateway.ws.commands import Refused
from resonance.logic.accounts import MAX_PRESENCE
from resonance.protocol.commands import Chat, Pulse, Read
from resonance.protocol.packets import BINARY

ANN = UserId("ann")
CODEC = GoChatCodec()
ENTRY = Entry("si_ann_bob", 5, 2**60 + 1, "ann", "k", 1, "hello", "", 5, 1_795_427_207_929)


def frame(kind: str, **data: Any) -> bytes:
    return json.dumps({"type": kind, "data": data}).encode()


def test_a_message_of_the_web_client() -> None:
    sent = frame("send-message", conversationId="world", content="hi", messageType="text", tempMessageId="temp_1_0.5")
    assert CODEC.decode(sent) == Chat("temp_1_0.5", "world", "", "text", "hi", "", "temp_1_0.5")


def test_a_message_of_the_other_generations() -> None:
    sent = frame("send-message", conversation_id="c", content="hi", message_type=2, client_msg_id="k")
    assert CODEC.decode(sent) == Chat("k", "c", "", "image", "hi", "", "k")


@pytest.mark.parametrize(
    "temporary",
    ["t", "t" * 64, "t" * 65, "t" * 64 + "x", "t" * 5_000, "\n", "é" * 64, 5, -5, 2**53, 1.5, "5", "1.5", '"5"'],
)
def test_every_temporary_id_is_a_key_of_its_own_and_is_answered_as_it_came(temporary: str | float) -> None:
    others: list[str | float] = ["t", "t" * 64, "t" * 65, "t" * 64 + "x", "t" * 5_000, "\n", 5, 1.5, "5", "1.5", '"5"']

    def sent(name: str | float) -> Chat:
        chat = CODEC.decode(frame("send-message", conversationId="c", content="ok", tempMessageId=name))
        assert isinstance(chat, Chat)
        assert check_client_key(chat.client_msg_id) == chat.client_msg_id
        return chat

    assert sent(temporary) == sent(temporary), "sending again is the same message"
    assert sent(temporary).client_msg_id not in [sent(other).client_msg_id for other in others if other != temporary]
    ack = json.loads(CODEC.ack(SendAnswer(1, 2, 3, 4, 4, 5, "c", "k", "", ""), sent(temporary).seq))
    assert ack["data"]["tempMessageId"] == temporary
    assert type(ack["data"]["tempMessageId"]) is type(temporary)


@pytest.mark.parametrize("temporary", [True, ["t"], {"t": 1}])
def test_a_temporary_id_that_nothing_can_be_matched_by_is_refused(temporary: object) -> None:
    refused = CODEC.decode(frame("send-message", conversationId="c", content="hi", tempMessageId=temporary))
    assert isinstance(refused, Refused)
    assert (refused.error.code, refused.error.field) == (Code.INVALID_ARGUMENT, "tempMessageId")


@pytest.mark.parametrize("temporary", [None, ""])
def test_a_message_without_a_temporary_id(temporary: str | None) -> None:
    sent = frame("send-message", conversationId="c", content="hi", tempMessageId=temporary)
    assert CODEC.decode(sent) == Chat("", "c", "", "", "hi", "", "")


@pytest.mark.parametrize("seq", [7, "7"])
def test_other_frames(seq: object) -> None:
    assert CODEC.decode(frame("mark-read", conversationId="c", seqId=seq)) == Read("", "c", 7)
    assert CODEC.decode(b'{"type":"ping"}') == Pulse("")
    refused = CODEC.decode(b'{"type":"dance"}')
    assert isinstance(refused, Refused)
    assert refused.error.code is Code.MALFORMED_PACKET


@pytest.mark.parametrize("kind", [7, -1, 99, True, False, "99", [1], {}, 1.0])
def test_a_message_of_an_unknown_type_is_no_text(kind: object) -> None:
    chat = CODEC.decode(frame("send-message", conversationId="c", content="hi", messageType=kind, tempMessageId="t"))
    assert isinstance(chat, Chat)
    with pytest.raises(ServiceError, match="is not a message type"):
        parse_kind(chat.kind)


@pytest.mark.parametrize("kind", [True, [1], 1.5])
def test_bodies_hold_types_as_texts_or_numbers(kind: object) -> None:
    assert bodies.Letter.model_validate({"messageType": 2, "content": "hi"}).message_type == 2
    with pytest.raises(ValidationError):
        bodies.Letter.model_validate({"messageType": kind, "content": "hi"})


@pytest.mark.parametrize("seq", [-1, "x", "-1", "", 1.5, True, 2**63, "9223372036854775808", [], {}])
def test_what_is_no_seq_does_not_mark_everything_as_read(seq: object) -> None:
    refused = CODEC.decode(frame("mark-read", conversationId="c", seqId=seq))
    assert isinstance(refused, Refused)
    assert (refused.error.code, refused.error.field) == (Code.INVALID_ARGUMENT, "seqId")


@pytest.mark.parametrize("data", [{}, {"seqId": None}, {"seqId": 0}])
def test_without_a_seq_all_is_read(data: dict[str, Any]) -> None:
    assert CODEC.decode(frame("mark-read", conversationId="c", **data)) == Read("", "c", 0)


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b"1", b'"x"', b"null"])
def test_what_is_no_frame(payload: bytes) -> None:
    with pytest.raises(ServiceError) as refused:
        CODEC.decode(payload)
    assert refused.value.code is Code.MALFORMED_PACKET


_VALUES = st.one_of(st.none(), st.integers(-(2**70), 2**70), st.text(max_size=5), st.lists(st.none(), max_size=1))


@given(st.sampled_from(["send-message", "mark-read", "ping", "x"]), st.dictionaries(st.text(max_size=3), _VALUES))
def test_fields_of_the_wrong_type_are_as_none(kind: str, data: dict[str, Any]) -> None:
    names = ["conversationId", "content", "messageType", "tempMessageId", "client_msg_id", "seqId"]
    for name, value in zip(names, data.values(), strict=False):
        data = data | {name: value}
    try:
        decoded = CODEC.decode(json.dumps({"type": kind, "data": data}).encode())
    except ServiceError as error:
        assert error.code is Code.MALFORMED_PACKET  # noqa: PT017
        return
    if isinstance(decoded, Chat):
        assert all(isinstance(value, str) for value in decoded[1:])
        assert isinstance(decoded.seq, str | int | float), "a temporary id may be a number, too"
    elif isinstance(decoded, Read):
        assert 0 <= decoded.read_seq < 2**63


def test_a_push_carries_its_ids_as_texts() -> None:
    told = json.loads(CODEC.push(ENTRY))
    assert (told["type"], told["data"]["conversationId"]) == ("new-message", "si_ann_bob")
    message = told["data"]["message"]
    assert (message["messageId"], message["senderId"]) == (str(2**60 + 1), "ann")
    assert message["sendTime"] == "2026-11-23T09:46:47.929Z"
    assert message["status"] == "sent"


def test_a_refused_message_gets_an_error_and_no_ack() -> None:
    refused = SendAnswer(1, 1, 0, 0, 0, 0, "c", "k", "muted", "you are muted")
    told = json.loads(CODEC.ack(refused, "temp_1"))
    assert told["type"] == "error"
    assert told["data"] == {"tempMessageId": "temp_1", "code": "MUTED", "message": "you are muted"}


@pytest.mark.parametrize(
    ("signal", "kinds"),
    [
        (Presence("ann", True, 0), ["friend-online", "online-status", "friend.status.changed"]),
        (Receipt("c", "ann", 3), ["message.receipt.updated"]),
        (FriendChanged("requested", "ann", "hi"), ["friend.request.received"]),
        (FriendChanged("accepted", "ann", ""), ["friend.added"]),
        (FriendChanged("remark", "ann", ""), []),
        (ConversationChanged("c", "joined", "ann", ("bob",), 2), ["group.member.changed"]),
        (ProfileChanged("ann"), []),
    ],
)
def test_signals_are_frames(signal: Signal, kinds: list[str]) -> None:
    assert [json.loads(told)["type"] for told in CODEC.signal(signal)] == kinds


def told_of(signal: Signal) -> dict[str, dict[str, Any]]:
    return {(frame := json.loads(told))["type"]: frame["data"] for told in CODEC.signal(signal)}


def test_the_payloads_of_the_seed_s_signals() -> None:
    presence = told_of(Presence("ann", False, 0))
    assert presence["friend-online"] == {"userId": "ann", "online": False}
    assert presence["online-status"] == {"userId": "ann", "status": "offline"}
    assert presence["friend.status.changed"].items() >= {"user_id": "ann", "online": False}.items()
    receipt = told_of(Receipt("c", "ann", 3))["message.receipt.updated"]
    assert receipt.items() >= {"conversationId": "c", "conversation_id": "c", "seqId": 3, "seq_id": 3}.items()
    changed = told_of(ConversationChanged("sg_g", "joined", "ann", ("bob",), 2))["group.member.changed"]
    assert changed.items() >= {"groupId": "sg_g", "action": "joined", "members": ["bob"]}.items()


@pytest.mark.parametrize(("kind", "number"), [("text", 1), ("image", 2), ("file", 3), ("audio", 5), ("video", 6)])
def test_a_push_speaks_for_all_generations(kind: str, number: int) -> None:
    data = json.loads(CODEC.push(ENTRY._replace(kind=int(KIND_NAMES[kind]))))["data"]
    assert data["message"]["type"] == kind
    c = {"id": str(2**60 + 1), "conversationId": "si_ann_bob", "messageType": number, "seqId": 5}
    assert data.items() >= (c | {"createdAt": 1_795_427_207, "content": "hello"}).items()
    assert data["sender"] == {"id": "ann", "username": "ann", "avatarUrl": ""}
    a = {"message_id": str(2**60 + 1), "conversation_id": "si_ann_bob", "sender_id": "ann", "message_type": number}
    assert data.items() >= (a | {"seq_id": 5, "timestamp": 1_795_427_207, "client_msg_id": "k"}).items()


def test_custom_messages_are_texts_that_say_so() -> None:
    data = json.loads(CODEC.push(ENTRY._replace(kind=int(KIND_NAMES["custom"]))))["data"]
    assert (data["messageType"], json.loads(data["message"]["extra"])) == (1, {"kind": "custom"})


@pytest.mark.parametrize("told", [values.message, values.repo_message])
def test_services_are_told_so_too(told: Callable[[Entry], Any]) -> None:
    custom = ENTRY._replace(kind=int(KIND_NAMES["custom"]))
    assert [told(one).extra for one in (ENTRY, custom, custom._replace(extra="{}"))] == ["", '{"kind":"custom"}', "{}"]


@pytest.mark.parametrize(("given", "seq"), [(7, 7), (True, 0), (-1, 0), (2**63, 0), ("7", 0)])
def test_a_signal_about_a_receipt_has_a_seq(given: object, seq: int) -> None:
    payload = json.dumps({"conversation_id": "c", "user_id": "ann", "seq_id": given})
    read = read_signal(SystemSignal(signal_type="message.receipt.updated", payload=payload))
    assert read == Receipt("c", "ann", seq)
    assert type(read.read_seq) is int


@pytest.mark.parametrize("payload", [{"group_id": "7"}, {"groupId": "sg_7"}, {"conversation_id": "sg_7"}])
def test_a_signal_about_a_group_names_its_conversation(payload: dict[str, str]) -> None:
    signal = read_signal(SystemSignal(signal_type="group.member.changed", payload=json.dumps(payload)))
    assert signal == ConversationChanged("sg_7", "joined", "", (), 0)


def test_the_tables_are_whole() -> None:
    assert set(ROLES) == set(Role)
    assert set(USER_STATES) == set(UserStatus)
    assert all(error_code(code).isupper() for code in Code)
    assert {kind_number(KIND_NAMES[name]) for name in KIND_NUMBERS.values()} == set(KIND_NUMBERS)
    assert set(TYPES) == set(ConversationKind)
    assert len(set(TYPES.values())) == len(TYPES)
    assert {kind_name(number) for number in KIND_NUMBERS} <= set(KIND_NAMES)
    assert (kind_name(0), kind_name(None), kind_name("text")) == ("", "", "text")
    assert iso(0) == ""


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"action":"joined","actor":"ann","users":["bob","cid"],"count":2}', "bob, cid joined"),
        ('{"action":"new one","actor":"ann","users":[]}', '{"action":"new one","actor":"ann","users":[]}'),
        ("no JSON", "no JSON"),
    ],
)
def test_system_entries_are_worded(content: str, expected: str) -> None:
    assert words(ENTRY._replace(kind=6, content=content)) == expected


def test_ids_of_requests_name_both() -> None:
    assert request_parties(request_id("ann", "bob")) == ("ann", "bob")
    assert request_parties("ann") == ("ann", "")


_FIELDS = ["user_id", "userId", "online", "conversation_id", "group_id", "seq_id", "members", "action", "message"]
_TYPES = ["friend.status.changed", "message.receipt.updated", "group.member.changed", "friend.added", "x"]


@given(
    st.sampled_from(_TYPES),
    st.dictionaries(st.sampled_from(_FIELDS), st.one_of(_VALUES, st.booleans(), st.lists(_VALUES, max_size=2))),
    st.integers(-(2**63), 2**63 - 1),
)
@example("friend.status.changed", {"user_id": "ann", "online": True}, 2**63 - 1)
@example("message.receipt.updated", {"user_id": "ann", "conversation_id": "c", "seq_id": 2**63}, 0)
def test_whatever_a_service_pushes_can_be_told_to_everybody(kind: str, payload: dict[str, Any], timestamp: int) -> None:
    try:
        signal = read_signal(SystemSignal(signal_type=kind, payload=json.dumps(payload), timestamp=timestamp))
    except ServiceError as error:
        assert error.code is Code.INVALID_ARGUMENT  # noqa: PT017
        return
    assert CODEC.signal(signal)
    assert BINARY.signal(signal)


class Crowd:
    """Logic for somebody who has a single conversation with more people than one question may be about."""

    def __init__(self, people: int) -> None:
        self.asked: list[int] = []
        self._views = [self._with(UserId(f"u{number}")) for number in range(people)]

    def _with(self, user_id: UserId) -> ConversationView:
        single = Conversation(single_id(ANN, user_id), ConversationKind.SINGLE)
        return ConversationView(single, Member(single.id, ANN), None, 0, 0, User(user_id, ""))

    async def page(self, caller: Caller, cursor: str, limit: int, with_last: bool) -> ConversationPage:
        return ConversationPage(self._views, "")

    async def presence(self, caller: Caller, user_ids: Sequence[str]) -> list[PresenceState]:
        self.asked.append(len(user_ids))
        return [PresenceState(UserId(user_id), True, (), 0) for user_id in user_ids]


async def test_who_is_online_of_very_many() -> None:
    crowd: Any = Crowd(1_000)
    answer = await online(Caller(ANN, 0, ""), crowd, crowd)
    assert json.loads(bytes(answer.body))["data"] == {f"u{n}": True for n in range(1_000)}
    assert max(crowd.asked) <= MAX_PRESENCE
