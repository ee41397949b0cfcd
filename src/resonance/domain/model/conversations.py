"""Conversations and their members, as stored and as one caller sees them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from resonance.domain.ids import ConversationId, UserId
from resonance.domain.model.entries import Entry
from resonance.domain.model.people import User
from resonance.domain.windows import History, Window

SMALL_CONVERSATION = 500
"""Up to this many members a conversation's state holds all of them, and logic delivers by itself (seed 004's 500)."""


class ConversationKind(IntEnum):
    """Whose a conversation is. In an OPEN one all users are members without a row each."""

    SINGLE = 1
    GROUP = 2
    OPEN = 3


class ConversationStatus(IntEnum):
    """Whether one may still write."""

    NORMAL = 0
    DISSOLVED = 1


class Role(IntEnum):
    """A member's rank; comparing two says who outranks whom."""

    MEMBER = 0
    ADMIN = 1
    OWNER = 2


class MemberStatus(IntEnum):
    """Whether somebody is a member now. Rows of those who left stay."""

    NORMAL = 0
    LEFT = 1
    KICKED = 2


class RecvOpt(IntEnum):
    """What a member wants to be told of a conversation."""

    NORMAL = 0
    NO_NOTIFY = 1
    NOT_RECV = 2


@dataclass(frozen=True, slots=True)
class Conversation:
    """A log of entries and who may read and write it. A group *is* a conversation.

    Attributes:
        owner: the group's owner, "" where there is none.
        max_seq: the last entry's seq, 0 when empty.
        ordinal: how many countable messages there are.
        version: changes with every change of members, roles, mutes, blocks, settings or status: what a right was
            checked with.
    """

    id: ConversationId
    kind: ConversationKind
    name: str = ""
    avatar: str = ""
    introduction: str = ""
    owner: UserId = UserId("")
    status: ConversationStatus = ConversationStatus.NORMAL
    history: History = History.FULL
    max_members: int = 500
    join_approval: bool = False
    mute_all: bool = False
    max_seq: int = 0
    ordinal: int = 0
    version: int = 0
    member_count: int = 0
    created_at: int = 0
    updated_at: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody's membership, present or past, with their window, pointer and settings.

    Attributes:
        min_seq, max_seq: the window; max_seq None while it is open.
        read_seq: the read pointer; only moves forward within one membership.
        read_ordinal: the conversation's ordinal at max(read_seq, min_seq - 1).
        end_ordinal: the ordinal at max_seq once the window is closed; None while it is open.
        muted_until: ms; 0 means not muted.
    """

    conversation_id: ConversationId
    user_id: UserId
    role: Role = Role.MEMBER
    status: MemberStatus = MemberStatus.NORMAL
    min_seq: int = 1
    max_seq: int | None = None
    read_seq: int = 0
    read_ordinal: int = 0
    end_ordinal: int | None = None
    pinned: bool = False
    recv_opt: RecvOpt = RecvOpt.NORMAL
    muted_until: int = 0
    nickname: str = ""
    inviter: UserId = UserId("")
    joined_at: int = 0
    updated_at: int = 0

    @property
    def window(self) -> Window:
        """What the member may see."""
        return Window(self.min_seq, self.max_seq)

    @property
    def active(self) -> bool:
        """Whether the member is one now."""
        return self.status is MemberStatus.NORMAL


@dataclass(frozen=True, slots=True)
class ConversationState:
    """A conversation with what rights and delivery need to know, all of one `version`.

    Attributes:
        members: rows by user: of everybody when `complete`, else only of those who were asked for.
        complete: True when `members` holds every row (small conversations).
        blocked: in a single conversation, the users whose messages the other side refuses by a block.
        friends: in a single conversation, whether the two are friends; False elsewhere.
    """

    conversation: Conversation
    members: dict[str, Member]
    complete: bool
    blocked: frozenset[str] = frozenset()
    friends: bool = False


@dataclass(frozen=True, slots=True)
class ConversationView:
    """A conversation as one caller sees it: clamped to the caller's window.

    Attributes:
        member: the caller's membership (a made-up one in an open conversation without a row: `updated_at` is 0).
        last_entry: the newest visible entry, None when nothing is visible.
        visible_seq: the last visible seq.
        unread: countable messages after the read pointer.
        peer: in a single conversation, the other user.
    """

    conversation: Conversation
    member: Member
    last_entry: Entry | None
    visible_seq: int
    unread: int
    peer: User | None = None


@dataclass(frozen=True, slots=True)
class ConversationPage:
    """A page of a conversation list; `cursor` "" when there is no more."""

    items: list[ConversationView]
    cursor: str


@dataclass(frozen=True, slots=True)
class MemberPage:
    """A page of a member list, by role (highest first), then user id; `cursor` "" when there is no more."""

    items: list[Member]
    users: list[User]
    total: int
    cursor: str
