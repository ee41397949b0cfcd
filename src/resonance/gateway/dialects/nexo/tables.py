"""What is called differently in Nexo: one table or function per thing, used by all of this dialect.

Users, conversations, message ids and times (ms) are the core's own; a group's id is its conversation's without `sg_`.
Kinds and roles have the core's numbers.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any

from resonance.domain.content import KIND_NAMES, Kind
from resonance.domain.errors import invalid, no_conversation
from resonance.domain.ids import (
    OPEN_CONVERSATION,
    SERVER_KEY_MARK,
    ConversationId,
    group_conversation_id,
    single_peer,
)
from resonance.domain.model import ConversationKind, ConversationView, Entry, Member, PresenceState, User

SINGLE, GROUP = int(ConversationKind.SINGLE), int(ConversationKind.GROUP)
"""Session types."""

PAYLOADS = {int(kind): name for name, kind in KIND_NAMES.items() if kind is not Kind.SYSTEM}
"""The field of `content` that a message type fills; a system entry is a custom message."""

PLATFORMS = {0: "unknown", 1: "iOS", 2: "Android", 3: "Windows", 4: "macOS", 5: "Web"}

_GROUP_PREFIX = group_conversation_id("")


# ---------------------------------------------------------------- what clients send


def payload(msg_type: object, content: object) -> tuple[str, str]:
    """Return a message's kind, by the core's name, and its content.

    Raises:
        ServiceError: INVALID_ARGUMENT unless `content` fills exactly the field that `msg_type` is about; a field with
            an empty text is as none, because Go's clients send those.
    """
    kind = PAYLOADS.get(msg_type) if type(msg_type) is int else None  # Go's decoder takes no other type for one
    if kind is None:
        allowed = ", ".join(f"{number} {name}" for number, name in PAYLOADS.items())
        raise invalid("msg_type", f"{reprlib.repr(msg_type)} is not a message type: {allowed} are allowed")
    fields = content if isinstance(content, Mapping) else {}
    filled = {name: value for name in PAYLOADS.values() if (value := fields.get(name)) not in (None, "")}
    text = filled.pop(kind, "")
    if filled or not isinstance(text, str) or not text:
        raise invalid("content", f"the content of a message of type {msg_type} is one text, in {kind!r}")
    return kind, text


def destination(session_type: object, recv_id: object, group_id: object) -> tuple[str, str]:
    """Return where a message goes: the conversation of a group, or the user of a single conversation; one is "".

    Raises:
        ServiceError: INVALID_ARGUMENT.
    """
    kind = session_type if type(session_type) is int else 0
    if kind == SINGLE and isinstance(recv_id, str) and recv_id:
        return "", recv_id
    if kind == GROUP and isinstance(group_id, str) and group_id:
        return group_conversation(group_id), ""
    raise invalid("session_type", "a message has session_type 1 and a recv_id, or session_type 2 and a group_id")


def group_conversation(group_id: str) -> ConversationId:
    """Return the conversation of a group, which may be named by its conversation's id, too."""
    return group_conversation_id(group_id.removeprefix(_GROUP_PREFIX))


def is_shown(conversation_id: str) -> bool:
    """Say whether a conversation has a form in Nexo: all but everybody's, which does not exist for its clients."""
    return conversation_id != OPEN_CONVERSATION


def shown_conversation(conversation_id: str) -> str:
    """Return the conversation that a client names. Raises CONVERSATION_NOT_FOUND for one that is not shown."""
    if not is_shown(conversation_id):
        raise no_conversation(conversation_id)
    return conversation_id


# ---------------------------------------------------------------- what clients are told


def group_id_of(conversation_id: str) -> str:
    """Return the id of the group that a conversation is, "" when it is none."""
    return conversation_id.removeprefix(_GROUP_PREFIX) if conversation_id.startswith(_GROUP_PREFIX) else ""


def message(entry: Entry) -> dict[str, Any]:
    """Return an entry: MessageData and MessageInfo in one, which differ in the name of the id alone."""
    return {
        "id": entry.message_id,
        "server_msg_id": entry.message_id,
        "conversation_id": entry.conversation_id,
        "seq": entry.seq,
        "client_msg_id": "" if entry.client_msg_id.startswith(SERVER_KEY_MARK) else entry.client_msg_id,
        "sender_id": entry.sender,
        **_addressed(entry.conversation_id, entry.sender),
        **_filled(entry.kind, entry.content),
        "send_at": entry.created_at,
    }


def _addressed(conversation_id: str, sender: str) -> dict[str, Any]:
    group_id = group_id_of(conversation_id)
    if group_id:
        return {"group_id": group_id, "session_type": GROUP}
    return {"recv_id": single_peer(conversation_id, sender), "session_type": SINGLE}


def _filled(kind: int, content: str) -> dict[str, Any]:
    msg_type = kind if kind in PAYLOADS else int(Kind.CUSTOM)
    return {"msg_type": msg_type, "content": {PAYLOADS[msg_type]: content}}


def user_info(user: User) -> dict[str, Any]:
    """Return a user."""
    extra = {"extra": user.extra} if user.extra else {}
    return {"id": user.id, "nickname": user.nickname, "avatar": user.avatar, **extra, "created_at": user.created_at}


def online_status(user_id: str, state: PresenceState | None) -> dict[str, Any]:
    """Return whether somebody is online, and where; None is somebody of whom the caller is not told."""
    platforms = state.platforms if state else ()
    return {
        "user_id": user_id,
        "status": int(bool(state and state.online)),
        "detail_platform_status": [
            {"platform_id": platform, "platform_name": PLATFORMS.get(platform, PLATFORMS[0]), "conn_id": ""}
            for platform in platforms
        ],
    }


def group_info(view: ConversationView) -> dict[str, Any]:
    """Return a group."""
    group = view.conversation
    return {
        "id": group_id_of(group.id),
        "name": group.name,
        "introduction": group.introduction,
        "avatar": group.avatar,
        "status": int(group.status),
        "creator_user_id": group.owner,
        "member_count": group.member_count,
        "created_at": group.created_at,
    }


def group_member(member: Member) -> dict[str, Any]:
    """Return a member; `join_seq` is the first seq that the member may see."""
    return {
        "group_id": group_id_of(member.conversation_id),
        "user_id": member.user_id,
        "group_nickname": member.nickname,
        "group_avatar": "",
        "extra": "",
        "role_level": int(member.role),
        "status": int(member.status),
        "joined_at": member.joined_at,
        "join_seq": member.min_seq,
        "inviter_user_id": member.inviter,
        "created_at": member.joined_at,
        "updated_at": member.updated_at,
    }


def conversation_info(view: ConversationView, *, with_last: bool = True) -> dict[str, Any]:
    """Return a conversation as its caller sees it."""
    conversation, member = view.conversation, view.member
    last = {"last_message": message(view.last_entry)} if with_last and view.last_entry else {}
    return {
        "conversation_id": conversation.id,
        "conversation_type": int(conversation.kind),
        "peer_user_id": view.peer.id if view.peer else "",
        "group_id": group_id_of(conversation.id),
        "recv_msg_opt": int(member.recv_opt),
        "is_pinned": member.pinned,
        **read_state(view),
        "updated_at": conversation.updated_at,
        **last,
    }


def read_state(view: ConversationView) -> dict[str, int]:
    """Return how far a conversation goes for its caller, how far it is read, and what is left."""
    return {"max_seq": view.visible_seq, "read_seq": view.member.read_seq, "unread_count": view.unread}
