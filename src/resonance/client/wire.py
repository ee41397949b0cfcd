"""The API's JSON as values of the domain. Fields that only a newer server knows are ignored."""

from __future__ import annotations

from typing import Any

from resonance.domain.content import KIND_NAMES, Kind
from resonance.domain.ids import ConversationId, UserId
from resonance.domain.model import (
    Conversation,
    ConversationKind,
    ConversationPage,
    ConversationStatus,
    ConversationView,
    Entry,
    EntryPage,
    Friend,
    FriendRequest,
    Member,
    MemberStatus,
    PresenceState,
    RecvOpt,
    RequestStatus,
    Role,
    SyncPage,
    User,
    UserKind,
)
from resonance.domain.windows import History

Json = dict[str, Any]
"""A decoded JSON object; what it holds is checked by taking it apart."""


def user(data: Json) -> User:
    """Return a profile."""
    return User(
        id=UserId(data["id"]),
        nickname=data["nickname"],
        avatar=data["avatar_url"],
        extra=data["extra"],
        kind=UserKind[data["kind"].upper()],
        is_admin=data["is_admin"],
        created_at=data["created_at"],
        updated_at=data["updated_at"],
    )


def entry(data: Json) -> Entry:
    """Return an entry; a kind that only a newer server knows reads as custom."""
    return Entry(
        conversation_id=data["conversation_id"],
        seq=data["seq"],
        message_id=int(data["message_id"]),
        sender=data["sender_id"],
        client_msg_id=data["client_msg_id"],
        kind=KIND_NAMES.get(data["type"], Kind.CUSTOM),
        content=data["content"],
        extra=data["extra"],
        ordinal=data.get("ordinal", 0),
        created_at=data["created_at"],
    )


def entry_page(data: Json) -> EntryPage:
    """Return a page of entries."""
    return EntryPage([entry(item) for item in data["messages"]], data["begin"], data["end"])


def member(data: Json, conversation_id: str) -> Member:
    """Return a membership."""
    return Member(
        conversation_id=ConversationId(conversation_id),
        user_id=UserId(data["user_id"]),
        role=Role[data["role"].upper()],
        status=MemberStatus[data["status"].upper()],
        min_seq=data["min_seq"],
        max_seq=data["max_seq"],
        read_seq=data["read_seq"],
        pinned=data["pinned"],
        recv_opt=RecvOpt[data["recv_opt"].upper()],
        muted_until=data["muted_until"],
        nickname=data["nickname"],
        inviter=UserId(data["inviter"]),
        joined_at=data["joined_at"],
    )


def view(data: Json) -> ConversationView:
    """Return a conversation as the caller sees it; its `max_seq` is the last seq that is visible."""
    conversation = Conversation(
        id=ConversationId(data["conversation_id"]),
        kind=ConversationKind[data["kind"].upper()],
        name=data["name"],
        avatar=data["avatar_url"],
        introduction=data["introduction"],
        owner=UserId(data["owner_id"]),
        status=ConversationStatus[data["status"].upper()],
        history=History[data["history"].upper()],
        max_members=data["max_members"],
        join_approval=data["join_approval"],
        mute_all=data["mute_all"],
        max_seq=data["visible_seq"],
        version=data["version"],
        member_count=data["member_count"],
        created_at=data["created_at"],
        updated_at=data["updated_at"],
    )
    return ConversationView(
        conversation=conversation,
        member=member(data["membership"], conversation.id),
        last_entry=entry(data["last_message"]) if data["last_message"] else None,
        visible_seq=data["visible_seq"],
        unread=data["unread_count"],
        peer=user(data["peer"]) if data["peer"] else None,
    )


def conversation_page(data: Json) -> ConversationPage:
    """Return a page of conversations."""
    return ConversationPage([view(item) for item in data["conversations"]], data["cursor"])


def presence(data: Json) -> PresenceState:
    """Return whether somebody is online."""
    return PresenceState(UserId(data["user_id"]), data["online"], tuple(data["platforms"]), data["last_seen_at"])


def relation(data: Json, owner: str) -> Friend:
    """Return a row of the caller's friends, tombstones included."""
    return Friend(
        user_id=UserId(owner),
        friend_id=UserId(data["user_id"]),
        is_friend=data["is_friend"],
        blocked=data["blocked"],
        remark=data["remark"],
        updated_at=data["updated_at"],
    )


def friend_request(data: Json) -> FriendRequest:
    """Return somebody's wish to become friends."""
    return FriendRequest(
        sender=UserId(data["sender"]),
        recipient=UserId(data["recipient"]),
        message=data["message"],
        status=RequestStatus[data["status"].upper()],
        created_at=data["created_at"],
        updated_at=data["updated_at"],
    )


def sync_page(data: Json, owner: str) -> SyncPage:
    """Return a page of a sync."""
    return SyncPage(
        full=data["full"],
        conversations=[view(item) for item in data["conversations"]],
        friends=[relation(item, owner) for item in data["friends"]],
        requests=[friend_request(item) for item in data["requests"]],
        users=[user(item) for item in data["users"]],
        token=data["token"],
        more=data["more"],
    )
