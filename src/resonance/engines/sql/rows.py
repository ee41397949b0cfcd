"""From rows to values: column lists in one place, and one function per value."""

from __future__ import annotations

from resonance.domain.events import Event
from resonance.domain.ids import ConversationId, UserId
from resonance.domain.model import (
    Conversation,
    ConversationKind,
    ConversationStatus,
    Device,
    DeviceState,
    Entry,
    Friend,
    FriendRequest,
    JoinRequest,
    Member,
    MemberStatus,
    RecvOpt,
    RequestStatus,
    Role,
    User,
    UserKind,
    UserStatus,
)
from resonance.domain.windows import History
from resonance.engines.sql.tx import Row

USER = "id, nickname, avatar, extra, kind, status, is_admin, last_seen_at, created_at, updated_at"
DEVICE = "id, user_id, platform, name, state, refresh_id, created_at, used_at, expires_at"
FRIEND = "user_id, friend_id, is_friend, blocked, remark, updated_at"
FRIEND_REQUEST = "sender, recipient, message, status, created_at, updated_at"
JOIN_REQUEST = "conversation_id, user_id, message, status, created_at, updated_at"
CONVERSATION = (
    "id, kind, name, avatar, introduction, owner, status, history, max_members, join_approval, mute_all, "
    "max_seq, ordinal, version, member_count, created_at, updated_at"
)
MEMBER = (
    "conversation_id, user_id, role, status, min_seq, max_seq, read_seq, read_ordinal, end_ordinal, pinned, recv_opt, "
    "muted_until, nickname, inviter, joined_at, updated_at"
)
ENTRY = "conversation_id, seq, message_id, sender, client_msg_id, kind, content, extra, ordinal, created_at"
EVENT = "position, key, kind, payload, created_at"


def qualified(columns: str, alias: str, prefix: str = "") -> str:
    """Return a column list for a join: `qualified("id, name", "c", "c_")` is `c.id AS c_id, c.name AS c_name`."""
    return ", ".join(f"{alias}.{name} AS {prefix}{name}" for name in columns.split(", "))


def user_row(row: Row, prefix: str = "") -> User:
    """Return the user in the columns `USER`."""
    return User(
        id=UserId(row[f"{prefix}id"]),
        nickname=row[f"{prefix}nickname"],
        avatar=row[f"{prefix}avatar"],
        extra=row[f"{prefix}extra"],
        kind=UserKind(row[f"{prefix}kind"]),
        status=UserStatus(row[f"{prefix}status"]),
        is_admin=bool(row[f"{prefix}is_admin"]),
        last_seen_at=row[f"{prefix}last_seen_at"],
        created_at=row[f"{prefix}created_at"],
        updated_at=row[f"{prefix}updated_at"],
    )


def device_row(row: Row) -> Device:
    """Return the device in the columns `DEVICE`."""
    return Device(
        id=row["id"],
        user_id=UserId(row["user_id"]),
        platform=row["platform"],
        name=row["name"],
        state=DeviceState(row["state"]),
        refresh_id=row["refresh_id"],
        created_at=row["created_at"],
        used_at=row["used_at"],
        expires_at=row["expires_at"],
    )


def friend_row(row: Row) -> Friend:
    """Return the side of a friendship in the columns `FRIEND`."""
    return Friend(
        user_id=UserId(row["user_id"]),
        friend_id=UserId(row["friend_id"]),
        is_friend=bool(row["is_friend"]),
        blocked=bool(row["blocked"]),
        remark=row["remark"],
        updated_at=row["updated_at"],
    )


def friend_request_row(row: Row) -> FriendRequest:
    """Return the request in the columns `FRIEND_REQUEST`."""
    return FriendRequest(
        sender=UserId(row["sender"]),
        recipient=UserId(row["recipient"]),
        message=row["message"],
        status=RequestStatus(row["status"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def join_request_row(row: Row) -> JoinRequest:
    """Return the request in the columns `JOIN_REQUEST`."""
    return JoinRequest(
        conversation_id=ConversationId(row["conversation_id"]),
        user_id=UserId(row["user_id"]),
        message=row["message"],
        status=RequestStatus(row["status"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def conversation_row(row: Row, prefix: str = "") -> Conversation:
    """Return the conversation in the columns `CONVERSATION`."""
    return Conversation(
        id=ConversationId(row[f"{prefix}id"]),
        kind=ConversationKind(row[f"{prefix}kind"]),
        name=row[f"{prefix}name"],
        avatar=row[f"{prefix}avatar"],
        introduction=row[f"{prefix}introduction"],
        owner=UserId(row[f"{prefix}owner"]),
        status=ConversationStatus(row[f"{prefix}status"]),
        history=History(row[f"{prefix}history"]),
        max_members=row[f"{prefix}max_members"],
        join_approval=bool(row[f"{prefix}join_approval"]),
        mute_all=bool(row[f"{prefix}mute_all"]),
        max_seq=row[f"{prefix}max_seq"],
        ordinal=row[f"{prefix}ordinal"],
        version=row[f"{prefix}version"],
        member_count=row[f"{prefix}member_count"],
        created_at=row[f"{prefix}created_at"],
        updated_at=row[f"{prefix}updated_at"],
    )


def member_row(row: Row, prefix: str = "") -> Member:
    """Return the membership in the columns `MEMBER`."""
    return Member(
        conversation_id=ConversationId(row[f"{prefix}conversation_id"]),
        user_id=UserId(row[f"{prefix}user_id"]),
        role=Role(row[f"{prefix}role"]),
        status=MemberStatus(row[f"{prefix}status"]),
        min_seq=row[f"{prefix}min_seq"],
        max_seq=row[f"{prefix}max_seq"],
        read_seq=row[f"{prefix}read_seq"],
        read_ordinal=row[f"{prefix}read_ordinal"],
        end_ordinal=row[f"{prefix}end_ordinal"],
        pinned=bool(row[f"{prefix}pinned"]),
        recv_opt=RecvOpt(row[f"{prefix}recv_opt"]),
        muted_until=row[f"{prefix}muted_until"],
        nickname=row[f"{prefix}nickname"],
        inviter=UserId(row[f"{prefix}inviter"]),
        joined_at=row[f"{prefix}joined_at"],
        updated_at=row[f"{prefix}updated_at"],
    )


def entry_row(row: Row) -> Entry:
    """Return the entry in the columns `ENTRY`."""
    return Entry(
        row["conversation_id"],
        row["seq"],
        row["message_id"],
        row["sender"],
        row["client_msg_id"],
        row["kind"],
        row["content"],
        row["extra"],
        row["ordinal"],
        row["created_at"],
    )


def event_row(row: Row) -> Event:
    """Return the event in the columns `EVENT`."""
    return Event(row["position"], row["key"], row["kind"], row["payload"], row["created_at"])
