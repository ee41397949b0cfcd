"""Identifiers: what a handle may look like, and how a conversation's id is made from its members.

A conversation id is opaque to everybody else: nothing parses handles back out of one.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NewType

from resonance.domain.errors import Code, ServiceError, invalid

UserId = NewType("UserId", str)
"""A user's handle: immutable, case-sensitive, unique."""

ConversationId = NewType("ConversationId", str)
"""`si_…` for a single conversation, `sg_{group id}` for a group, `world` for the open one."""

OPEN_CONVERSATION = ConversationId("world")
"""Everyone's conversation (GoChat's world chat)."""

SYSTEM_USER = UserId("system")
"""The sender of system entries."""

RESERVED_HANDLES = frozenset({"info", "me", "system", "world", "admin"})
MAX_HANDLE = 64
MAX_KEY = 64
MAX_CONVERSATION_ID = 160
SERVER_KEY_MARK = "~"

# Clients and proxies take "." and ".." out of a path, so nobody could be asked for under such a name.
_HANDLE = re.compile(r"(?!\.{1,2}\Z)[\w.@-]{1,64}")
_GROUP = re.compile(r"(?!sg_|\.{1,2}\Z)[A-Za-z0-9._-]{1,64}")


def check_handle(value: str, field: str = "user_id") -> UserId:
    """Return the handle in NFC, or refuse it.

    1 to 64 characters: letters and digits of any script, and ``. _ - @`` (DESIGN: canonical model). Control
    characters, blanks, ``:``, and ``.`` and ``..`` whole are refused; so is a handle that changes under NFC into one
    that is not allowed.

    Raises:
        ServiceError: INVALID_ARGUMENT, naming `field`.
    """
    handle = unicodedata.normalize("NFC", value)
    if not _HANDLE.fullmatch(handle) or any(unicodedata.category(c) in {"Pc", "No", "Nl"} and c != "_" for c in handle):
        raise invalid(
            field, f"{value[:80]!r} is not a handle: 1 to {MAX_HANDLE} letters, digits or . _ - @ are allowed"
        )
    return UserId(handle)


def check_new_handle(value: str, field: str = "user_id") -> UserId:
    """Return a handle that somebody may register: as `check_handle`, and not reserved."""
    handle = check_handle(value, field)
    if handle in RESERVED_HANDLES:
        raise invalid(field, f"{handle!r} is reserved: {', '.join(sorted(RESERVED_HANDLES))} cannot be registered")
    return handle


def check_group_id(value: str, field: str = "group_id") -> str:
    """Return a group id that a caller made, or refuse it: 1 to 64 of A–Z a–z 0–9 . _ - without ``sg_`` before them;
    ``.`` and ``..`` are none.

    That would be the conversation id of another group, and paths name a group by either.
    """
    if not _GROUP.fullmatch(value):
        raise invalid(field, f"{value[:80]!r} is not a group id: 1 to 64 of A-Z a-z 0-9 . _ -, not beginning with sg_")
    return value


def check_client_key(value: str, field: str = "client_msg_id") -> str:
    """Return an idempotency key that a client made, or refuse it: 1 to 64 printable characters, no leading ``~``.

    Raises:
        ServiceError: RESERVED_KEY for a leading ``~`` (those keys are the gateway's own), else INVALID_ARGUMENT.
    """
    if value.startswith(SERVER_KEY_MARK):
        raise ServiceError(
            Code.RESERVED_KEY, f"{value[:80]!r} begins with '~', which only the server may use", field=field
        )
    if not 1 <= len(value) <= MAX_KEY or not value.isprintable():
        raise invalid(field, f"{value[:80]!r} is not a key: 1 to {MAX_KEY} printable characters are allowed")
    return value


def check_conversation_id(value: str, field: str = "conversation_id") -> ConversationId:
    """Return a conversation id, or refuse what can be none. Raises INVALID_ARGUMENT, naming `field`."""
    if not value:
        raise invalid(field, f"{field} is empty")
    if len(value) > MAX_CONVERSATION_ID or not value.isprintable():
        raise invalid(field, f"{field} is not one of this server's")
    return ConversationId(value)


def single_id(a: UserId, b: UserId) -> ConversationId:
    """Return the id of the conversation between two users (or of a user with itself).

    Handles are sorted by code point and joined by ``_``; when either holds ``_`` itself they are joined by ``:``,
    which no handle holds, so that ("a_b", "c") and ("a", "b_c") do not meet in one id.
    """
    low, high = (a, b) if a <= b else (b, a)
    joint = ":" if "_" in low or "_" in high else "_"
    return ConversationId(f"si_{low}{joint}{high}")


def order_key(conversation_id: str, sender: str, to_user: str) -> str:
    """Return what the order of a message is kept within: its conversation, also when it names the recipient instead."""
    return conversation_id or single_id(UserId(sender), UserId(to_user))


def single_peer(conversation_id: str, user_id: str) -> str:
    """Return the other member of a single conversation that `user_id` is in; "" when that is no such conversation.

    Ids are opaque, and two handles cannot be read back out of one; but with one of them known there is at most one
    other that makes this id, because ids are injective.
    """
    rest = conversation_id.removeprefix("si_")
    for peer in (rest[len(user_id) + 1 :], rest[: -len(user_id) - 1]):
        # what holds the joint is no handle
        if peer and ":" not in peer and single_id(UserId(user_id), UserId(peer)) == conversation_id:
            return peer
    return ""


def worker_of(message_id: int) -> int:
    """Return the worker whose id is in a message id (`logic/snowflake.py` has the layout)."""
    return message_id >> 12 & 0x3FF


def group_conversation_id(group_id: str) -> ConversationId:
    """Return the id of a group's conversation."""
    return ConversationId(f"sg_{group_id}")
