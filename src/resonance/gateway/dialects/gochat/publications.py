"""What GoChat publishes: domain events as JSON, by the topics of its generations B and C.

Who came and went is no event of ours, so `user.online` and `user.offline` are not among them. Times are ms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from resonance.domain.events import ConversationUpdated, FriendsUpdated, PointerMoved, UserUpdated
from resonance.ports.publications import Fact, Publication

USER_EVENTS = "user_events"
MESSAGE_EVENTS = "message_events"
NOTIFICATIONS = "notifications"

FRIENDS = {
    "requested": ("friend.request.sent",),
    "accepted": ("friend.request.accepted", "friend.added"),
    "rejected": ("friend.request.rejected",),
    "removed": ("friend.removed",),
}
"""What is told of each thing that happens between two people; blocks and remarks are nobody's business."""

Told = Iterator[tuple[str, str, str, dict[str, Any]]]
"""Stream, key, type of event, and its fields."""


def publications(fact: Fact) -> Iterator[Publication]:
    """Yield the events that tell of a fact; one that has no words here is not told of."""
    for number, (stream, key, event_type, fields) in enumerate(_told(fact)):
        common = {"event_id": f"{fact.id}-{number}", "event_type": event_type, "timestamp": fact.created_at}
        yield Publication(stream, key, orjson.dumps(common | fields))


def _told(fact: Fact) -> Told:
    match fact.payload:
        case UserUpdated(user_id):
            payload: dict[str, Any] = {"updated_fields": [], "old_values": {}, "new_values": {}}
            yield USER_EVENTS, user_id, "user.profile.updated", {"user_id": user_id, "payload": payload}
        case FriendsUpdated():
            yield from _friends(fact.payload)
        case PointerMoved(conversation_id, user_id, _, read_seq):
            message_id = fact.entries[-1].message_id if fact.entries else 0
            payload = {"message_id": message_id, "seq_id": read_seq}
            yield _in_conversation(conversation_id, user_id, "message.read", payload)
        case ConversationUpdated():
            yield from _conversation(fact.payload)


def _friends(updated: FriendsUpdated) -> Told:
    for event_type in FRIENDS.get(updated.action, ()):
        fields = {"user_id": updated.actor, "friend_id": updated.other, "payload": {"message": updated.message}}
        yield USER_EVENTS, updated.actor, event_type, fields
    if updated.action == "requested" and updated.other in updated.notify:
        payload = {"requester_id": updated.actor, "message": updated.message}
        yield _to(updated.other, "friend.request.new", payload)


def _conversation(updated: ConversationUpdated) -> Told:
    conversation, actor, people = updated.conversation_id, updated.actor, list(updated.user_ids)
    match updated.action:
        case "created":
            yield _in_conversation(conversation, actor, "conversation.created", {"member_ids": people})
            yield from _invited(conversation, actor, people)
        case "joined":
            payload = {"added_user_ids": people, "added_by": actor}
            yield _in_conversation(conversation, actor, "conversation.member.added", payload)
            yield from _invited(conversation, actor, people)
        case "left" | "kicked":
            for user_id in people:
                payload = {"removed_user_id": user_id, "removed_by": actor, "reason": updated.action}
                yield _in_conversation(conversation, actor, "conversation.member.removed", payload)
        case "role" | "transferred":
            yield _in_conversation(conversation, actor, "conversation.member.role.updated", {"user_ids": people})
        case _:
            yield _in_conversation(conversation, actor, "conversation.info.updated", {"action": updated.action})


def _in_conversation(
    conversation_id: str, operator: str, event_type: str, payload: dict[str, Any]
) -> tuple[str, str, str, dict[str, Any]]:
    fields = {"conversation_id": conversation_id, "operator_id": operator, "payload": payload}
    return MESSAGE_EVENTS, conversation_id, event_type, fields


def _invited(conversation_id: str, actor: str, people: Sequence[str]) -> Told:
    for user_id in people:
        if user_id != actor:
            yield _to(user_id, "conversation.invited", {"conversation_id": conversation_id, "inviter_id": actor})


def _to(user_id: str, event_type: str, payload: dict[str, Any]) -> tuple[str, str, str, dict[str, Any]]:
    return NOTIFICATIONS, user_id, event_type, {"target_user_id": user_id, "payload": payload}
