"""Signals: what is pushed to clients beside messages. None of them is state; a client that missed one syncs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Presence:
    """Somebody went online or (confirmed) offline. Ephemeral."""

    user_id: str
    online: bool
    last_seen_at: int


@dataclass(frozen=True, slots=True)
class Typing:
    """Somebody is writing in a conversation. Ephemeral."""

    conversation_id: str
    user_id: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """`user_id` has read the conversation up to `read_seq` (also sent to the reader's own other devices)."""

    conversation_id: str
    user_id: str
    read_seq: int


@dataclass(frozen=True, slots=True)
class ConversationChanged:
    """A conversation's members, settings or status changed, or the receiver's own settings of it did.

    `action` is one of created, joined, left, kicked, role, transferred, muted, updated, dissolved, settings,
    join_requested; `user_ids` are those it is about.
    """

    conversation_id: str
    action: str
    actor: str
    user_ids: tuple[str, ...]
    version: int


@dataclass(frozen=True, slots=True)
class FriendChanged:
    """The receiver's friends changed: `action` is as in the event `FriendsUpdated`."""

    action: str
    user_id: str
    message: str


@dataclass(frozen=True, slots=True)
class ProfileChanged:
    """A friend, or the receiver on another device, changed the profile."""

    user_id: str


Signal = Presence | Typing | Receipt | ConversationChanged | FriendChanged | ProfileChanged
