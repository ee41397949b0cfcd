"""What is called differently in GoChat: one table or function per thing, used by all of this dialect.

Ids are the core's own, as texts; a user's id is the username is the handle. Times are texts (ISO 8601, UTC, ms).
"""

from __future__ import annotations

import hashlib
import json
import reprlib
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson

from resonance.domain.content import KIND_NAMES, Kind
from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import SERVER_KEY_MARK, check_client_key
from resonance.domain.model import (
    Conversation,
    ConversationKind,
    ConversationView,
    Entry,
    FriendRequest,
    Member,
    Role,
    User,
    UserKind,
    UserStatus,
)
from resonance.services.accounts import Tokens
from resonance.services.friends import FriendView

TYPES = {ConversationKind.SINGLE: "single", ConversationKind.GROUP: "group", ConversationKind.OPEN: "world"}
"""Types of conversations."""
WORLD_NAME = "世界聊天室"
"""What everybody's conversation is called here, whatever it is called elsewhere."""

KIND_TEXTS = {int(kind): name for name, kind in KIND_NAMES.items()}
"""Types of messages as texts; generation C counts them."""
KIND_NUMBERS = {1: "text", 2: "image", 3: "file", 4: "system", 5: "audio", 6: "video"}
"""Types of messages as numbers (generations A and C); there is none for a custom one, which is a text that says so."""
ROLES = {Role.MEMBER: 1, Role.ADMIN: 2, Role.OWNER: 3}
"""Roles of members."""
USER_STATES = {UserStatus.ACTIVE: 1, UserStatus.DISABLED: 2}
"""States of accounts (generation C)."""

FRIEND_SIGNALS = {
    "requested": "friend.request.received",
    "accepted": "friend.added",
    "rejected": "friend.request.rejected",
    "removed": "friend.removed",
}
"""Signals for what happens between two people; `friend.status.changed` is about who is online (seed 003)."""
_NUMBERS = {name: number for number, name in KIND_NUMBERS.items()}

ACTIONS = {
    "created": "{actor} created the group",
    "joined": "{users} joined",
    "left": "{users} left",
    "kicked": "{actor} removed {users}",
    "transferred": "{actor} gave the group to {users}",
    "updated": "{actor} changed the group",
    "dissolved": "{actor} dissolved the group",
}
"""System entries in words: this client shows every content as text."""


ERRORS = {
    Code.INVALID_ARGUMENT: "INVALID_PARAMS",
    Code.UNAUTHENTICATED: "UNAUTHORIZED",
    Code.MALFORMED_PACKET: "INVALID_MESSAGE",
    Code.TOO_LARGE: "MESSAGE_TOO_LARGE",
    Code.GROUP_FULL: "RESOURCE_EXHAUSTED",
    Code.OWNER_MUST_STAY: "FAILED_PRECONDITION",
}
"""What some errors are called; the others have the catalogue's names, in capitals."""


def error_code(code: Code) -> str:
    """Return what an error is called."""
    return ERRORS.get(code) or code.text.upper()


def kind_name(given: object) -> str:
    """Return the core's name of a message type given as a text or a number; "" for none, and for 0.

    What is the name or number of none stays as it is, a text, so that it is refused as any other unknown name.
    """
    if isinstance(given, str):
        return given
    if given is None or (type(given) is int and given == 0):
        return ""
    return KIND_NUMBERS.get(given, str(given)) if type(given) is int else reprlib.repr(given)


Temporary = str | int | float
"""What the web client calls its message until it has an id; it matches answers by it, so they have it as it came."""


def temporary_key(temporary: Temporary) -> str:
    """Return the key of a message that only its temporary id names, "" for none: that id, where it can be a key.

    Any other is hashed, as JSON, so that two ids are two keys, however alike they begin.
    """
    if temporary == "":
        return ""
    with suppress(ServiceError):
        if isinstance(temporary, str):
            return check_client_key(temporary)
    return f"temp-{hashlib.sha256(orjson.dumps(temporary)).hexdigest()[:48]}"


def kind_number(kind: int) -> int:
    """Return the number of a message type; that of a text for those which have none."""
    return _NUMBERS.get(KIND_TEXTS.get(kind, ""), 1)


def iso(ms: int) -> str:
    """Return a time as this client reads it, "" for none."""
    if not ms:
        return ""
    told = datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)
    return told.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def words(entry: Entry) -> str:
    """Return an entry's content as text."""
    if entry.kind != Kind.SYSTEM:
        return entry.content
    try:
        told = json.loads(entry.content)
        return ACTIONS[told["action"]].format(actor=told["actor"], users=", ".join(told["users"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return entry.content


def extra(entry: Entry) -> str:
    """Return what is told beside an entry's content: its own, else that it is custom, which no type says."""
    return entry.extra or ('{"kind":"custom"}' if entry.kind == Kind.CUSTOM else "")


def message(entry: Entry) -> dict[str, Any]:
    """Return an entry as a message, the same for every recipient: what the web client reads (wire.md 5.2.2), then what
    generation C calls otherwise."""
    key = "" if entry.client_msg_id.startswith(SERVER_KEY_MARK) else entry.client_msg_id
    return {
        "messageId": str(entry.message_id),
        "conversationId": entry.conversation_id,
        "senderId": entry.sender,
        "senderName": entry.sender,
        "content": words(entry),
        "type": KIND_TEXTS.get(entry.kind, KIND_TEXTS[Kind.CUSTOM]),
        "sendTime": iso(entry.created_at),
        "seqId": entry.seq,
        "client_msg_id": key,
        "status": "sent",
        "id": str(entry.message_id),
        "sender": {"id": entry.sender, "username": entry.sender, "avatarUrl": ""},
        "messageType": kind_number(entry.kind),
        "clientMsgId": key,
        "deleted": False,
        "extra": extra(entry),
        "createdAt": entry.created_at // 1000,
    }


def flat_message(entry: Entry, told: dict[str, Any]) -> dict[str, Any]:
    """Return what frames of generations A and C tell of an entry, given what `message` made of it."""
    return {
        "id": told["id"],
        "sender": told["sender"],
        "content": told["content"],
        "messageType": told["messageType"],
        "seqId": entry.seq,
        "createdAt": told["createdAt"],
        "message_id": told["id"],
        "conversation_id": entry.conversation_id,
        "sender_id": entry.sender,
        "message_type": told["messageType"],
        "client_msg_id": told["client_msg_id"],
        "seq_id": entry.seq,
        "timestamp": told["createdAt"],
    }


def user_info(user: User) -> dict[str, Any]:
    """Return a user, in the web client's words and in generation C's."""
    return {
        "userId": user.id,
        "username": user.id,
        "nickname": user.nickname,
        "avatar": user.avatar,
        "isGuest": user.kind is UserKind.GUEST,
        "id": user.id,
        "avatarUrl": user.avatar,
        "status": USER_STATES[user.status],
        "createdAt": user.created_at // 1000,
        "updatedAt": user.updated_at // 1000,
    }


def login_info(tokens: Tokens) -> dict[str, Any]:
    """Return what a login gives; `expiresIn` is the time at which the access token ends (seconds, generation C)."""
    return {
        "token": tokens.access_token,
        "user": user_info(tokens.user),
        "accessToken": tokens.access_token,
        "refreshToken": tokens.refresh_token,
        "expiresIn": int(time.time()) + tokens.expires_in,
    }


def conversation_item(view: ConversationView) -> dict[str, Any]:
    """Return a conversation as its caller sees it, for the web client (wire.md 5.2.1)."""
    last = view.last_entry
    return {
        "conversationId": view.conversation.id,
        "type": TYPES[view.conversation.kind],
        "target": _target(view),
        "unreadCount": view.unread,
        "lastMessage": words(last) if last else "",
        "lastMessageTime": iso(last.created_at if last else 0),
    }


def conversation_info(view: ConversationView) -> dict[str, Any]:
    """Return a conversation as its caller sees it, as generation C describes it."""
    conversation, peer = view.conversation, view.peer
    world = conversation.kind is ConversationKind.OPEN
    return {
        "id": conversation.id,
        "conversationId": conversation.id,
        "type": int(conversation.kind),
        "name": WORLD_NAME if world else peer.nickname or peer.id if peer else conversation.name,
        "avatarUrl": peer.avatar if peer else conversation.avatar,
        "description": conversation.introduction,
        "ownerId": conversation.owner,
        "memberCount": conversation.member_count,
        "settings": _settings(conversation),
        "target": _target(view),
        "lastMessage": message(view.last_entry) if view.last_entry else None,
        "unreadCount": view.unread,
        "updatedAt": conversation.updated_at // 1000,
        "myMembership": member_info(view.member, None),
    }


def group_info(view: ConversationView) -> dict[str, Any]:
    """Return a group in the words of generation B, and in those of C."""
    return {"groupId": view.conversation.id, "groupName": view.conversation.name, **conversation_info(view)}


def member_info(member: Member, user: User | None) -> dict[str, Any]:
    """Return a member; `user` is the profile, where it is known."""
    told = {
        "userId": member.user_id,
        "conversationId": member.conversation_id,
        "role": ROLES[member.role],
        "muted": member.muted_until > time.time() * 1000,
        "joinedAt": member.joined_at // 1000,
    }
    return told | {"user": user_info(user)} if user else told


def friend_info(view: FriendView) -> dict[str, Any]:
    """Return a friend, whose `status` is that of the friendship (1, or 3: blocked)."""
    return user_info(view.user) | {
        "friendId": view.user.id,
        "remark": view.friend.remark,
        "status": 3 if view.friend.blocked else 1,
        "online": view.presence.online,
        "updatedAt": view.friend.updated_at // 1000,
    }


def request_id(requester: str, target: str) -> str:
    """Return the id of a request to become friends: there is one per ordered pair, and no handle holds a colon."""
    return f"{requester}:{target}"


def request_parties(number: str) -> tuple[str, str]:
    """Return who asked whom; the target is "" where the id is only the requester's."""
    requester, _, target = number.partition(":")
    return requester, target


def request_info(request: FriendRequest) -> dict[str, Any]:
    """Return a request to become friends."""
    return {
        "id": request_id(request.sender, request.recipient),
        "requesterId": request.sender,
        "targetId": request.recipient,
        "message": request.message,
        "status": int(request.status),
        "createdAt": request.created_at // 1000,
        "updatedAt": request.updated_at // 1000,
    }


def _settings(conversation: Conversation) -> Mapping[str, Any]:
    """Return a conversation's settings; who may write in everybody's is not one of them."""
    if conversation.kind is not ConversationKind.GROUP:
        return {}
    return {
        "group_settings": {
            "join_approval_required": conversation.join_approval,
            "invite_enabled": not conversation.join_approval,
            "max_members": conversation.max_members,
            "mute_all": conversation.mute_all,
        }
    }


def _target(view: ConversationView) -> Mapping[str, Any]:
    """Return whom or what a conversation is with."""
    conversation, peer = view.conversation, view.peer
    if peer is not None:
        return user_info(peer)
    world = conversation.kind is ConversationKind.OPEN
    return {
        "groupId": conversation.id,
        "groupName": WORLD_NAME if world else conversation.name,
        "avatar": conversation.avatar,
        "memberCount": conversation.member_count,
    }
