"""What is called differently in Resonance: one table or function per thing, used by all of this dialect.

Ids are the core's own. Times are seconds. A session's type is 1 or 2; everyone's conversation looks like a group.
"""

from __future__ import annotations

from resonance._proto.common.v1 import common_pb2
from resonance._proto.gateway.v1 import api_pb2, packet_pb2
from resonance.domain.content import KIND_NAMES, Kind
from resonance.domain.errors import Code
from resonance.domain.ids import single_peer
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

_CONNECT_CODES = {Code.GROUP_FULL: "resource_exhausted"}


def connect_code(code: Code) -> str:
    """Return Connect's code, which is gRPC's in lower case, for one of the catalogue."""
    return _CONNECT_CODES.get(code) or status_of(code).name.lower()


def send_error(code: str, message: str) -> str:
    """Return the `error` of a message that was refused, "" for one that was not."""
    return (SEND_ERRORS.get(Code.of(code)) or message or code) if code else ""


def fill_push(push: packet_pb2.PushMessage, entry: Entry) -> None:
    """Write an entry; `to_username` is the other member of a single session, "" in groups."""
    push.msg_id = entry.message_id
    push.seq_id = entry.seq
    push.session_id = entry.conversation_id
    push.from_username = entry.sender
    push.to_username = single_peer(entry.conversation_id, entry.sender)
    push.content = entry.content
    push.type = KIND_TEXTS.get(entry.kind, KIND_TEXTS[Kind.CUSTOM])
    push.timestamp = entry.created_at // 1000


def push_message(entry: Entry) -> packet_pb2.PushMessage:
    """Return an entry's message."""
    push = packet_pb2.PushMessage()
    fill_push(push, entry)
    return push


def session_info(view: ConversationView) -> api_pb2.SessionInfo:
    """Return a session as its caller sees it; a single one is called and looks like the other member."""
    conversation, peer = view.conversation, view.peer
    return api_pb2.SessionInfo(
        session_id=conversation.id,
        name=peer.nickname or peer.id if peer else conversation.name,
        type=TYPES[conversation.kind],
        avatar_url=peer.avatar if peer else conversation.avatar,
        unread_count=view.unread,
        last_read_seq=view.member.read_seq,
        last_message=push_message(view.last_entry) if view.last_entry else None,
    )


def user_info(user: User) -> common_pb2.User:
    """Return a user."""
    return common_pb2.User(username=user.id, nickname=user.nickname, avatar_url=user.avatar)


def contact_info(user: User) -> api_pb2.ContactInfo:
    """Return a user as a contact."""
    return api_pb2.ContactInfo(username=user.id, nickname=user.nickname, avatar_url=user.avatar)
