"""What a client that was away is given."""

from __future__ import annotations

from dataclasses import dataclass

from resonance.domain.model.conversations import ConversationView
from resonance.domain.model.entries import Entry
from resonance.domain.model.people import Friend, FriendRequest, User


@dataclass(frozen=True, slots=True)
class SyncPage:
    """Everything of the caller that changed since a token (DESIGN: sync).

    Attributes:
        full: True when the token was empty or unusable: replace local state instead of merging.
        token: hand it in next time; when `more` is True, hand it in at once.
        more: True when the page was full: ask again with `token`.
    """

    full: bool
    conversations: list[ConversationView]
    friends: list[Friend]
    requests: list[FriendRequest]
    users: list[User]
    token: str
    more: bool


@dataclass(frozen=True, slots=True)
class InboxItem:
    """One row of a cursor-style client's inbox."""

    position: int
    entry: Entry


@dataclass(frozen=True, slots=True)
class InboxPage:
    """Inbox rows after a cursor, ascending; `cursor` is what to hand in next."""

    items: list[InboxItem]
    cursor: int
    more: bool
