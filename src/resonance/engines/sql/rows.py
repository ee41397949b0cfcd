"""From rows to values: column lists in one place, and one function per value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

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
EVENT = 'position, "key", kind, payload, created_at'


def qualified(columns: str, alias: str, prefix: str = "") -> str:
    """Return a column list for a join: `qualified("id, name", "c", "c_")` is `c.id AS c_id, c.name AS c_name`."""
    return ", ".join(f"{alias}.{name} AS {prefix}{name}" for name in columns.split(", "))


def user_row(row: Row, prefix: str = "") -> User:
    """Return the user in the columns `USER`."""
    return user_of([row[prefix + name] for name in USER.split(", ")])


def user_of(values: Sequence[Any]) -> User:
    """Return the user with these values, in the order of `USER`."""
    id_, nickname, avatar, extra, kind, status, is_admin, *times = values
    return User(UserId(id_), nickname, avatar, extra, UserKind(kind), UserStatus(status), bool(is_admin), *times)


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
    return conversation_of([row[prefix + name] for name in CONVERSATION.split(", ")])


def conversation_of(values: Sequence[Any]) -> Conversation:
    """Return the conversation with these values, in the order of `CONVERSATION`."""
    id_, kind, name, avatar, introduction, owner, status, history, max_members, join_approval, mute_all, *rest = values
    return Conversation(
        ConversationId(id_),
        ConversationKind(kind),
        name,
        avatar,
        introduction,
        UserId(owner),
        ConversationStatus(status),
        History(history),
        max_members,
        bool(join_approval),
        bool(mute_all),
        *rest,
    )


def member_row(row: Row, prefix: str = "") -> Member:
    """Return the membership in the columns `MEMBER`."""
    return member_of([row[prefix + name] for name in MEMBER.split(", ")])


def member_of(values: Sequence[Any]) -> Member:
    """Return the membership with these values, in the order of `MEMBER`."""
    return Member(
        ConversationId(values[0]),
        UserId(values[1]),
        Role(values[2]),
        MemberStatus(values[3]),
        min_seq=values[4],
        max_seq=values[5],
        read_seq=values[6],
        read_ordinal=values[7],
        end_ordinal=values[8],
        pinned=bool(values[9]),
        recv_opt=RecvOpt(values[10]),
        muted_until=values[11],
        nickname=values[12],
        inviter=UserId(values[13]),
        joined_at=values[14],
        updated_at=values[15],
    )


def values_of(row: Row) -> tuple[Any, ...]:
    """Return a row's values in the order of its columns: much quicker than one by one where rows are wide."""
    return tuple(cast("Iterable[Any]", row))


def entry_row(row: Row) -> Entry:
    """Return the entry of a row that begins with the columns `ENTRY`."""
    return Entry._make(values_of(row)[: len(Entry._fields)])


def event_row(row: Row) -> Event:
    """Return the event in the columns `EVENT`."""
    return Event(row["position"], row["key"], row["kind"], row["payload"], row["created_at"])
