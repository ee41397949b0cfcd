"""GoChat's tables there and back: what its clients and services are told of an entry says all of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from resonance._proto.im.logic.v1 import common_pb2
from resonance._proto.im.repo.v1 import repo_pb2
from resonance.domain.content import CLIENT_KINDS, KIND_NAMES, Kind, parse_kind
from resonance.domain.errors import Code
from resonance.domain.ids import UserId, group_conversation_id, single_id
from resonance.domain.model import Entry, FriendRequest, RequestStatus, Role
from resonance.gateway.dialects.gochat.codec import GoChatCodec
from resonance.gateway.dialects.gochat.servants import values
from resonance.gateway.dialects.gochat.tables import (
    ERRORS,
    FRIEND_SIGNALS,
    KIND_NUMBERS,
    ROLES,
    error_code,
    iso,
    kind_name,
    kind_number,
    request_info,
    request_parties,
)
from resonance.protocol.commands import Chat

CODEC = GoChatCodec()
END_OF_TIME = 253_402_300_799_999
"""The last millisecond of the year 9999."""

int64s = st.integers(1, 2**63 - 1)
times = st.integers(1, END_OF_TIME)
handles = st.text(alphabet="ab_-.@é", min_size=1, max_size=6).map(UserId)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
keys = st.text(alphabet="ab0-", min_size=1, max_size=6) | st.just("~gw.1.2.3")
extras = st.sampled_from(["", '{"a":1}', '{"kind":"mine"}'])


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """Return messages of any sort between two people."""
    ann, bob, seq = draw(handles), draw(handles), draw(int64s)
    kind = draw(st.sampled_from(sorted(CLIENT_KINDS)))
    return Entry(
        single_id(ann, bob), seq, draw(int64s), ann, draw(keys), kind, draw(texts), draw(extras), seq, draw(times)
    )


def ms(text: str) -> int:
    """Return a time in ms, exactly."""
    return (datetime.fromisoformat(text) - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)


def kind_of(number: int, extra: str) -> Kind:
    """Return the kind that a number and what is told beside it stand for."""
    custom = extra and json.loads(extra).get("kind") == "custom"
    return Kind.CUSTOM if custom else parse_kind(kind_name(number))


def expected_extra(entry: Entry) -> str:
    return entry.extra or ('{"kind":"custom"}' if entry.kind == Kind.CUSTOM else "")


def own_key(entry: Entry) -> str:
    """Return the key that a client made, which is all that clients are told of."""
    return "" if entry.client_msg_id.startswith("~") else entry.client_msg_id


@given(entries())
def test_a_frame_says_all_of_an_entry(entry: Entry) -> None:
    """In the words of every generation: B's (`message`), C's and A's."""
    frame = json.loads(CODEC.push(entry))
    told, flat = frame["data"]["message"], frame["data"]
    assert frame["type"] == "new-message"
    assert ms(told["sendTime"]) == entry.created_at
    assert KIND_NAMES[told["type"]] == entry.kind
    for numbered, extra in ((told, told["extra"]), (flat, told["extra"])):
        # of a custom message that brings an extra of its own, only the type as a text says that it is one
        if not (entry.kind == Kind.CUSTOM and entry.extra):
            assert kind_of(numbered["messageType"], extra) == entry.kind
    b = (told["messageId"], told["conversationId"], told["senderId"], told["seqId"], told["content"])
    c = (flat["id"], flat["conversationId"], flat["sender"]["id"], flat["seqId"], flat["content"])
    a = (flat["message_id"], flat["conversation_id"], flat["sender_id"], flat["seq_id"], flat["content"])
    assert a == b == c == (str(entry.message_id), entry.conversation_id, entry.sender, entry.seq, entry.content)
    assert flat["timestamp"] == flat["createdAt"] == told["createdAt"] == entry.created_at // 1000
    assert told["client_msg_id"] == told["clientMsgId"] == flat["client_msg_id"] == own_key(entry)
    assert told["extra"] == expected_extra(entry)


@given(entries())
def test_services_are_told_all_of_an_entry(entry: Entry) -> None:
    logic = common_pb2.Message.FromString(values.message(entry).SerializeToString())
    repo = repo_pb2.Message.FromString(values.repo_message(entry).SerializeToString())
    for told, number in ((logic, int(logic.type)), (repo, repo.message_type)):
        ids = (told.id, told.conversation_id, told.sender_id, told.content, told.seq_id, told.created_at, told.extra)
        extra = expected_extra(entry)
        place = (str(entry.message_id), entry.conversation_id, entry.sender, entry.content, entry.seq)
        assert ids == (*place, entry.created_at // 1000, extra)
        if not (entry.kind == Kind.CUSTOM and entry.extra):
            assert kind_of(number, extra) == entry.kind
    assert not repo.deleted


def _numbered(kind: Kind) -> object:
    return kind_number(kind)


def _named(kind: Kind) -> object:
    return kind.name.lower()


@given(
    st.sampled_from(sorted(CLIENT_KINDS - {Kind.CUSTOM})), texts, handles, handles, st.sampled_from([_named, _numbered])
)
def test_what_is_sent_comes_back(
    kind: Kind, content: str, ann: UserId, bob: UserId, told_as: Callable[[Kind], object]
) -> None:
    """A client that sends by a text or a number is told what it meant, and so is everybody else."""
    data: dict[str, Any] = {
        "conversationId": single_id(ann, bob),
        "content": content,
        "messageType": told_as(kind),
        "client_msg_id": "k",
    }
    command = CODEC.decode(json.dumps({"type": "send-message", "data": data}).encode())
    assert isinstance(command, Chat)
    stored = Entry(command.conversation_id, 1, 2, ann, "k", parse_kind(command.kind), command.content, "", 1, 3)
    told = json.loads(CODEC.push(stored))["data"]["message"]
    assert (told["conversationId"], told["content"]) == (data["conversationId"], content)
    assert data["messageType"] in (told["type"], told["messageType"])


@given(times)
@example(15_578_394_529_394)  # no float is so near to it that its milliseconds are right
def test_times_are_told_to_the_millisecond(time: int) -> None:
    told = iso(time)
    assert told.endswith("Z")
    assert ms(told) == time


@given(handles, handles, st.sampled_from(RequestStatus), times)
def test_requests_are_named_by_both(ann: UserId, bob: UserId, status: RequestStatus, time: int) -> None:
    told = request_info(FriendRequest(ann, bob, "hello", status, time, time))
    assert request_parties(told["id"]) == (told["requesterId"], told["targetId"]) == (ann, bob)
    assert RequestStatus(told["status"]) is status


@given(st.text(alphabet="abc019._-", min_size=1, max_size=8))
def test_groups_have_two_names(group_id: str) -> None:
    conversation = group_conversation_id(group_id)
    assert values.group_conversation(group_id) == values.group_conversation(conversation) == conversation
    assert values.group_id_of(conversation) == group_id


def test_no_table_calls_two_things_alike() -> None:
    for table in (KIND_NUMBERS, ROLES, FRIEND_SIGNALS, ERRORS):
        named: list[object] = list(table.values())
        assert len(set(named)) == len(named)
    assert {role: Role(role) for role in ROLES} == {role: role for role in Role}
    names = [error_code(code) for code in Code]
    assert len(set(names)) == len(names), "an error is told from every other one"
