"""What is called differently in GoChat: one table or function per thing, used by all of this dialect.

Ids are the core's own, as texts; a user's id is the username is the handle. Times are texts (ISO 8601, UTC, ms).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from resonance.domain.content import KIND_NAMES, Kind
from resonance.domain.model import ConversationKind, ConversationView, Entry, User, UserKind

TYPES = {ConversationKind.SINGLE: "single", ConversationKind.GROUP: "group", ConversationKind.OPEN: "world"}
"""Types of conversations."""
WORLD_NAME = "世界聊天室"
"""What everybody's conversation is called here, whatever it is called elsewhere."""

KIND_TEXTS = {int(kind): name for name, kind in KIND_NAMES.items()}
"""Types of messages as texts; generation C counts them."""
KIND_NUMBERS = {1: "text", 2: "image", 3: "file", 4: "audio", 5: "video"}
"""Types of messages as numbers (generations A and C)."""

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


def kind_name(given: object) -> str:
    """Return the core's name of a message type given as a text or a number; "" for what is neither."""
    return KIND_NUMBERS.get(given, "") if isinstance(given, int) else given if isinstance(given, str) else ""


def iso(ms: int) -> str:
    """Return a time as this client reads it, "" for none."""
    if not ms:
        return ""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def words(entry: Entry) -> str:
    """Return an entry's content as text."""
    if entry.kind != Kind.SYSTEM:
        return entry.content
    try:
        told = json.loads(entry.content)
        return ACTIONS[told["action"]].format(actor=told["actor"], users=", ".join(told["users"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return entry.content


def message(entry: Entry) -> dict[str, Any]:
    """Return an entry as a message (wire.md 5.2.2): the same for every recipient."""
    return {
        "messageId": str(entry.message_id),
        "conversationId": entry.conversation_id,
        "senderId": entry.sender,
        "senderName": entry.sender,
        "content": words(entry),
        "type": KIND_TEXTS.get(entry.kind, KIND_TEXTS[Kind.CUSTOM]),
        "sendTime": iso(entry.created_at),
        "seqId": entry.seq,
        "client_msg_id": "" if entry.client_msg_id.startswith("~") else entry.client_msg_id,
        "status": "sent",
    }


def user_info(user: User) -> dict[str, Any]:
    """Return a user."""
    return {
        "userId": user.id,
        "username": user.id,
        "nickname": user.nickname,
        "avatar": user.avatar,
        "isGuest": user.kind is UserKind.GUEST,
    }


def conversation_item(view: ConversationView) -> dict[str, Any]:
    """Return a conversation as its caller sees it (wire.md 5.2.1)."""
    last = view.last_entry
    return {
        "conversationId": view.conversation.id,
        "type": TYPES[view.conversation.kind],
        "target": _target(view),
        "unreadCount": view.unread,
        "lastMessage": words(last) if last else "",
        "lastMessageTime": iso(last.created_at if last else 0),
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
