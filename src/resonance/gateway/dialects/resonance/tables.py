"""What is called differently in Resonance: one table or function per thing, used by all of this dialect.

Ids are the core's own, but for everybody's conversation. Times are seconds. A session's type is 1 or 2; everybody's
conversation looks like a group.
"""

from __future__ import annotations

from typing import NamedTuple

import orjson

from resonance._proto.common.v1 import common_pb2
from resonance._proto.gateway.v1 import api_pb2, packet_pb2
from resonance.domain.content import KIND_NAMES, Kind
from resonance.domain.errors import Code, invalid, no_conversation
from resonance.domain.ids import OPEN_CONVERSATION, ConversationId, UserId, single_peer
from resonance.domain.model import ConversationKind, ConversationView, Entry, User
from resonance.rpc.status import status_of

TYPES = {ConversationKind.SINGLE: 1, ConversationKind.GROUP: 2, ConversationKind.OPEN: 2}
"""Types of sessions."""

KIND_TEXTS = {int(kind): name for name, kind in KIND_NAMES.items()}
"""Types of messages, which are texts."""

SEND_ERRORS = {
    Code.NOT_MEMBER: "not a session member",
    Code.MEMBER_INACTIVE: "not a session member",
    Code.BUSY: "server busy",
    Code.STORAGE_UNAVAILABLE: "failed to save message",
}
"""What clients know of why a message was refused; for anything else they are told the core's own words."""

DEAD_TOKEN = frozenset({Code.UNAUTHENTICATED, Code.TOKEN_INVALID, Code.TOKEN_EXPIRED, Code.TOKEN_REVOKED})
"""Refusals of a token that is not good."""

MAX_TIMESTAMP = 253_402_300_799
"""The last second that ISO 8601 has a form for, in the year 9999."""

ROOM = "0"
"""The session that everybody is in."""

_CONNECT_CODES = {
    Code.GROUP_FULL: "resource_exhausted",
    Code.NOT_FOUND: "unimplemented",  # no such procedure, or not by this method: what is no session is told otherwise
}


def connect_code(code: Code) -> str:
    """Return Connect's code, which is gRPC's in lower case, for one of the catalogue."""
    return _CONNECT_CODES.get(code) or status_of(code).name.lower()


def send_error(code: str, message: str) -> str:
    """Return the `error` of a message that was refused, "" for one that was not."""
    return (SEND_ERRORS.get(Code.of(code)) or message or code) if code else ""


class SessionIds(NamedTuple):
    """How sessions are called: as their conversations, but for everybody's.

    Attributes:
        room: whether everybody's conversation is shown, as the room "0"; else it is hidden from this dialect.

    What is not shown does not exist: not for reading, writing or marking either, whoever knows the core's name of it.
    """

    room: bool

    def conversation(self, session_id: str) -> str:
        """Return the conversation that a client means.

        Raises:
            ServiceError: CONVERSATION_NOT_FOUND for the core's name of everybody's.
        """
        if session_id == OPEN_CONVERSATION:
            raise no_conversation(session_id)
        return OPEN_CONVERSATION if self.room and session_id == ROOM else session_id

    def session(self, conversation_id: str) -> str:
        """Return what clients call a conversation, "" for one that is hidden from them."""
        if conversation_id != OPEN_CONVERSATION:
            return conversation_id
        return ROOM if self.room else ""


def fill_push(push: packet_pb2.PushMessage, entry: Entry, session_id: str) -> None:
    """Write an entry; `to_username` is the other member of a single session, "" in groups."""
    push.msg_id = entry.message_id
    push.seq_id = entry.seq
    push.session_id = session_id
    push.from_username = entry.sender
    push.to_username = single_peer(entry.conversation_id, entry.sender)
    push.content = entry.content
    push.type = KIND_TEXTS.get(entry.kind, KIND_TEXTS[Kind.CUSTOM])
    push.timestamp = entry.created_at // 1000
    if entry.kind == Kind.SYSTEM:
        name = _told_name(entry.content)
        if name:
            push.session_meta.name = name
            push.session_meta.type = TYPES[ConversationKind.GROUP]


def push_message(entry: Entry, session_id: str, meta: packet_pb2.SessionMeta | None = None) -> packet_pb2.PushMessage:
    """Return an entry's message; `meta` is of its session, where that is known."""
    push = packet_pb2.PushMessage()
    fill_push(push, entry, session_id)
    if meta is not None:
        push.session_meta.CopyFrom(meta)
    return push


def pushed_entry(push: packet_pb2.PushMessage, conversation_id: str) -> Entry:
    """Return the entry that a message tells of; the way back of `push_message`.

    Raises:
        ServiceError: INVALID_ARGUMENT for a message without a session or a place in it, of an unknown type, or of a
            time that is none.
    """
    if not push.session_id:
        raise invalid("message.session_id", "a message is of a session: session_id is missing")
    if push.seq_id < 1:
        raise invalid("message.seq_id", f"seq_id {push.seq_id} is no place in a session: they begin at 1")
    if not 0 <= push.timestamp <= MAX_TIMESTAMP:
        raise invalid(
            "message.timestamp", f"timestamp {push.timestamp} is no time in seconds: 0 to {MAX_TIMESTAMP} are"
        )
    kind = KIND_NAMES.get(push.type or KIND_TEXTS[Kind.TEXT])
    if kind is None:
        raise invalid("message.type", f"{push.type[:40]!r} is no type of message: {', '.join(KIND_NAMES)} are")
    return Entry(
        ConversationId(conversation_id),
        push.seq_id,
        push.msg_id,
        UserId(push.from_username),
        "",
        kind,
        push.content,
        "",
        0,
        push.timestamp * 1000,
    )


def _told_name(content: str) -> str:
    """Return the name that a system entry gives to its group, "" when it tells of something else."""
    try:
        name = orjson.loads(content)["changes"]["name"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""
    return name if isinstance(name, str) else ""


def session_meta(view: ConversationView) -> packet_pb2.SessionMeta:
    """Return what a session is called and is; a single one is called as the other member."""
    conversation, peer = view.conversation, view.peer
    name = peer.nickname or peer.id if peer else conversation.name
    return packet_pb2.SessionMeta(name=name, type=TYPES[conversation.kind])


def session_info(view: ConversationView, session_id: str) -> api_pb2.SessionInfo:
    """Return a session as its caller sees it; a single one is called and looks like the other member."""
    meta = session_meta(view)
    return api_pb2.SessionInfo(
        session_id=session_id,
        name=meta.name,
        type=meta.type,
        avatar_url=view.peer.avatar if view.peer else view.conversation.avatar,
        unread_count=view.unread,
        last_read_seq=view.member.read_seq,
        last_message=push_message(view.last_entry, session_id, meta) if view.last_entry else None,
    )


def user_info(user: User) -> common_pb2.User:
    """Return a user."""
    return common_pb2.User(username=user.id, nickname=user.nickname, avatar_url=user.avatar)


def contact_info(user: User) -> api_pb2.ContactInfo:
    """Return a user as a contact."""
    return api_pb2.ContactInfo(username=user.id, nickname=user.nickname, avatar_url=user.avatar)
