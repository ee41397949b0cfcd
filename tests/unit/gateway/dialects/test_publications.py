"""Events in other systems' words: a table from events to topic, key and body."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from resonance._proto.mq.v1 import push_event_pb2
from resonance.domain.content import Kind
from resonance.domain.events import (
    ConversationUpdated,
    EntriesAppended,
    FriendsUpdated,
    JoinRequested,
    MemberSettingsChanged,
    Payload,
    PointerMoved,
    UserUpdated,
)
from resonance.domain.ids import OPEN_CONVERSATION, ConversationId, UserId
from resonance.domain.model import Entry
from resonance.gateway.dialects.gochat.publications import publications as gochat
from resonance.gateway.dialects.resonance.publications import publications as resonance
from resonance.gateway.dialects.resonance.tables import SessionIds
from resonance.ports.publications import Fact

ROOM, NO_ROOM = SessionIds(room=True), SessionIds(room=False)


def entry(conversation: str, seq: int, kind: int = Kind.TEXT, content: str = "hello") -> Entry:
    sender = UserId("anna")
    return Entry(ConversationId(conversation), seq, 70 + seq, sender, "key", kind, content, "", seq, 1_700_000_001_234)


def fact(payload: Payload, *entries: Entry) -> Fact:
    return Fact("e-9", payload, 1_700_000_001_500, entries)


def appended(conversation: str, count: int = 1) -> Fact:
    entries = [entry(conversation, seq) for seq in range(1, count + 1)]
    return fact(EntriesAppended(conversation, 1, count, 1, 2), *entries)


def test_a_message_of_a_single_session() -> None:
    [told] = resonance(appended("si_anna_bert"), NO_ROOM)
    assert (told.stream, told.key) == ("push_event", "si_anna_bert")
    assert push_event_pb2.PushEvent.FromString(told.body) == push_event_pb2.PushEvent(
        msg_id=71,
        seq_id=1,
        session_id="si_anna_bert",
        from_username="anna",
        to_username="bert",
        content="hello",
        type="text",
        timestamp=1_700_000_001,
        session_type=1,
    )


def test_every_message_of_a_group_is_told_of_once() -> None:
    told = [push_event_pb2.PushEvent.FromString(one.body) for one in resonance(appended("sg_5", 3), NO_ROOM)]
    assert [(one.seq_id, one.to_username, one.session_type) for one in told] == [(1, "", 2), (2, "", 2), (3, "", 2)]


def test_everybodys_conversation_is_the_room_or_hidden() -> None:
    world = appended(OPEN_CONVERSATION)
    assert list(resonance(world, NO_ROOM)) == []
    [told] = resonance(world, ROOM)
    assert told.key == push_event_pb2.PushEvent.FromString(told.body).session_id == "0"


def test_the_number_of_a_push_event_and_its_topic_are_the_seeds() -> None:
    from resonance._proto.common.v1 import options_pb2

    fields = {field.name: field.number for field in push_event_pb2.PushEvent.DESCRIPTOR.fields}
    names = ("msg_id", "seq_id", "session_id", "from_username", "to_username", "content", "type", "timestamp")
    assert [fields[name] for name in (*names, "session_name", "session_type", "trace_headers")] == list(range(1, 12))
    options = push_event_pb2.PushEvent.DESCRIPTOR.GetOptions()
    assert options.Extensions[options_pb2.default_topic] == "resonance.push.event.v1"


def group(action: str, *people: str) -> ConversationUpdated:
    return ConversationUpdated("sg_5", action, "anna", people, 3)


TABLE: list[tuple[Payload, list[tuple[str, str, str, dict[str, Any]]]]] = [
    (
        UserUpdated("anna"),
        [
            (
                "user_events",
                "anna",
                "user.profile.updated",
                {"user_id": "anna", "payload": {"updated_fields": [], "old_values": {}, "new_values": {}}},
            )
        ],
    ),
    (
        PointerMoved("sg_5", "anna", 1, 4),
        [
            (
                "message_events",
                "sg_5",
                "message.read",
                {"conversation_id": "sg_5", "operator_id": "anna", "payload": {"message_id": 74, "seq_id": 4}},
            )
        ],
    ),
    (
        group("joined", "bert"),
        [
            (
                "message_events",
                "sg_5",
                "conversation.member.added",
                {
                    "conversation_id": "sg_5",
                    "operator_id": "anna",
                    "payload": {"added_user_ids": ["bert"], "added_by": "anna"},
                },
            ),
            (
                "notifications",
                "bert",
                "conversation.invited",
                {"target_user_id": "bert", "payload": {"conversation_id": "sg_5", "inviter_id": "anna"}},
            ),
        ],
    ),
    (
        group("kicked", "bert"),
        [
            (
                "message_events",
                "sg_5",
                "conversation.member.removed",
                {
                    "conversation_id": "sg_5",
                    "operator_id": "anna",
                    "payload": {"removed_user_id": "bert", "removed_by": "anna", "reason": "kicked"},
                },
            )
        ],
    ),
    (
        FriendsUpdated("anna", "bert", "requested", "hi", ("bert",)),
        [
            (
                "user_events",
                "anna",
                "friend.request.sent",
                {"user_id": "anna", "friend_id": "bert", "payload": {"message": "hi"}},
            ),
            (
                "notifications",
                "bert",
                "friend.request.new",
                {"target_user_id": "bert", "payload": {"requester_id": "anna", "message": "hi"}},
            ),
        ],
    ),
]


@pytest.mark.parametrize(("payload", "expected"), TABLE, ids=[str(payload)[:40] for payload, _ in TABLE])
def test_gochats_bodies(payload: Payload, expected: list[tuple[str, str, str, dict[str, Any]]]) -> None:
    told = list(gochat(fact(payload, entry("sg_5", 4))))
    assert [(one.stream, one.key, orjson.loads(one.body)) for one in told] == [
        (stream, key, {"event_id": f"e-9-{n}", "event_type": kind, "timestamp": 1_700_000_001_500, **fields})
        for n, (stream, key, kind, fields) in enumerate(expected)
    ]


@pytest.mark.parametrize(
    ("payload", "types"),
    [
        (group("created", "anna", "bert"), ["conversation.created", "conversation.invited"]),
        (group("joined", "anna"), ["conversation.member.added", "conversation.invited"][:1]),
        (group("left", "anna"), ["conversation.member.removed"]),
        (group("role", "bert"), ["conversation.member.role.updated"]),
        (group("transferred", "bert"), ["conversation.member.role.updated"]),
        (group("updated"), ["conversation.info.updated"]),
        (group("dissolved"), ["conversation.info.updated"]),
        (FriendsUpdated("anna", "bert", "accepted", "", ("bert",)), ["friend.request.accepted", "friend.added"]),
        (FriendsUpdated("anna", "bert", "rejected", "", ("bert",)), ["friend.request.rejected"]),
        (FriendsUpdated("anna", "bert", "removed", "", ("bert",)), ["friend.removed"]),
        (FriendsUpdated("anna", "bert", "blocked", "", ()), []),
        (FriendsUpdated("anna", "bert", "requested", "", ()), ["friend.request.sent"]),  # bert has blocked anna
        (MemberSettingsChanged("sg_5", "anna"), []),
        (JoinRequested("sg_5", "anna", ""), []),
        (EntriesAppended("sg_5", 1, 1, 1, 2), []),
    ],
)
def test_what_gochat_is_told_of(payload: Payload, types: list[str]) -> None:
    assert [orjson.loads(one.body)["event_type"] for one in gochat(fact(payload))] == types
