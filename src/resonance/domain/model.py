"""The canonical model: the values that roles exchange and stores keep.

All of them are immutable. Times are milliseconds UTC on the store's clock. The hot path's values are NamedTuples
(cheapest to make in CPython and usable as SQL parameters); everything else is a frozen, slotted dataclass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import NamedTuple

from resonance.domain.ids import ConversationId, UserId
from resonance.domain.windows import History, Window

SMALL_CONVERSATION = 500
"""Up to this many members a conversation's state holds all of them, and logic delivers by itself (seed 004's 500)."""

# ---------------------------------------------------------------- people


class UserKind(IntEnum):
    """What an account is used by."""

    HUMAN = 0
    BOT = 1
    GUEST = 2
    SYSTEM = 3


class UserStatus(IntEnum):
    """Whether an account may log in."""

    ACTIVE = 0
    DISABLED = 1


class Platform(IntEnum):
    """What a device is (Nexo's platform_id)."""

    UNKNOWN = 0
    IOS = 1
    ANDROID = 2
    WINDOWS = 3
    MACOS = 4
    WEB = 5


class DeviceState(StrEnum):
    """Why a device's tokens are accepted or not. Only ACTIVE is accepted; the others never change again."""

    ACTIVE = "active"
    LOGGED_OUT = "logged_out"
    REVOKED = "revoked"
    KICKED = "kicked"
    EXPIRED = "expired"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class User:
    """An account as others may see it. `extra` is "" or a JSON object as text; `last_seen_at` 0 means never."""

    id: UserId
    nickname: str
    avatar: str = ""
    extra: str = ""
    kind: UserKind = UserKind.HUMAN
    status: UserStatus = UserStatus.ACTIVE
    is_admin: bool = False
    last_seen_at: int = 0
    created_at: int = 0
    updated_at: int = 0


@dataclass(frozen=True, slots=True)
class NewUser:
    """An account to be made. `password_hash` "" means that nobody can log in with a password."""

    id: UserId
    nickname: str
    password_hash: str
    avatar: str = ""
    extra: str = ""
    kind: UserKind = UserKind.HUMAN
    first_is_admin: bool = False
    invitation: str = ""


@dataclass(frozen=True, slots=True)
class UserChanges:
    """What to change of a profile; None leaves a field as it is."""

    nickname: str | None = None
    avatar: str | None = None
    extra: str | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What login has to know of an account."""

    user_id: UserId
    password_hash: str
    status: UserStatus
    is_admin: bool


@dataclass(frozen=True, slots=True)
class Device:
    """One login: the pair of tokens that one app on one machine holds, from login to logout.

    Attributes:
        id: carried in both tokens as the claim `did`; random, unguessable.
        name: what the client calls itself, for the owner's list of devices.
        refresh_id: the jti of the only refresh token that is good now (empty for tokens without one).
    """

    id: str
    user_id: UserId
    platform: Platform
    name: str
    state: DeviceState
    refresh_id: str
    created_at: int
    used_at: int
    expires_at: int


class Caller(NamedTuple):
    """Who a command comes from, as proven by a token at the edge. Roles trust it, clients never send it."""

    user_id: UserId
    platform: int
    device_id: str


@dataclass(frozen=True, slots=True)
class Principal:
    """What a good access token says: who calls, until when, and what kind of account that is."""

    caller: Caller
    expires_at: int
    kind: UserKind = UserKind.HUMAN
    is_admin: bool = False


# ---------------------------------------------------------------- friends


class RequestStatus(IntEnum):
    """Where a friend or join request stands."""

    PENDING = 0
    ACCEPTED = 1
    REJECTED = 2


@dataclass(frozen=True, slots=True)
class Friend:
    """One side of a friendship, or the tombstone of one (`is_friend` False), or a block of somebody.

    `blocked` means that the owner of the row has blocked `friend_id`.
    """

    user_id: UserId
    friend_id: UserId
    is_friend: bool
    blocked: bool
    remark: str
    updated_at: int


@dataclass(frozen=True, slots=True)
class FriendRequest:
    """A wish to become friends; one row per ordered pair, the newest wish wins."""

    sender: UserId
    recipient: UserId
    message: str
    status: RequestStatus
    created_at: int
    updated_at: int


# ---------------------------------------------------------------- conversations


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
        member: the caller's membership (a made-up one in an open conversation without a row).
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


@dataclass(frozen=True, slots=True)
class NewGroup:
    """A group to be made. `group_id` "" lets the server make one."""

    name: str
    group_id: str = ""
    members: tuple[str, ...] = ()
    avatar: str = ""
    introduction: str = ""
    history: History = History.SINCE_JOIN
    max_members: int = 0
    join_approval: bool = False


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """What to change of a group; None leaves a field as it is."""

    name: str | None = None
    avatar: str | None = None
    introduction: str | None = None
    history: History | None = None
    max_members: int | None = None
    join_approval: bool | None = None
    mute_all: bool | None = None


@dataclass(frozen=True, slots=True)
class MemberSettings:
    """What a member changes of its own row; None leaves a field as it is."""

    pinned: bool | None = None
    recv_opt: RecvOpt | None = None
    nickname: str | None = None


class MemberOp(StrEnum):
    """What happens to one member in a group change."""

    JOIN = "join"
    LEAVE = "leave"
    KICK = "kick"
    ROLE = "role"
    MUTE = "mute"


@dataclass(frozen=True, slots=True)
class MemberChange:
    """One member's part in a group change.

    Attributes:
        role: the new role (ROLE, and JOIN when it is not MEMBER).
        until: the end of a mute in ms, 0 to end it (MUTE).
        inviter: who brought the member in (JOIN).
    """

    user_id: UserId
    op: MemberOp
    role: Role = Role.MEMBER
    until: int = 0
    inviter: UserId = UserId("")


@dataclass(frozen=True, slots=True)
class GroupChange:
    """A change of one group, in one transaction: its members, its settings and the system entry that tells of it.

    Attributes:
        version: the version that rights were checked with; another one now refuses the change as STALE.
        actor: who does it.
        action: what is done, as told in the system entry and the event (`created`, `joined`, `left`, `kicked`, …).
        message_id: the id for the system entry.
        content: the system entry's content; "" writes none.
        dissolve: True ends the group (status DISSOLVED).
        owner: the new owner's id, "" when that does not change.
    """

    conversation_id: ConversationId
    version: int
    actor: UserId
    action: str
    members: tuple[MemberChange, ...] = ()
    settings: GroupSettings = field(default_factory=GroupSettings)
    message_id: int = 0
    content: str = ""
    dissolve: bool = False
    owner: UserId = UserId("")


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """A wish to join a group that asks for approval; one row per user and group."""

    conversation_id: ConversationId
    user_id: UserId
    message: str
    status: RequestStatus
    created_at: int
    updated_at: int


# ---------------------------------------------------------------- entries: the hot path's values


class Entry(NamedTuple):
    """One place in a conversation's log: a message or a system entry."""

    conversation_id: str
    seq: int
    message_id: int
    sender: str
    client_msg_id: str
    kind: int
    content: str
    extra: str
    ordinal: int
    created_at: int


class SendItem(NamedTuple):
    """A message on its way from a gateway to logic, sender proven, content not yet checked.

    Attributes:
        ref: the gateway's number for the item, rising, unique within its epoch: what the answer refers to.
        connection: the gateway's number of the connection it came from, 0 for none (HTTP).
        conversation_id: where to; "" when `to_user` says it (the first message to somebody).
        trace: the trace id that goes along every hop.
    """

    ref: int
    connection: int
    sender: str
    client_msg_id: str
    conversation_id: str
    to_user: str
    kind: int
    content: str
    extra: str
    trace: str


class SendAnswer(NamedTuple):
    """What became of a `SendItem`: `code` "" means stored (now, or under the same key before)."""

    ref: int
    connection: int
    message_id: int
    seq: int
    ordinal: int
    created_at: int
    conversation_id: str
    client_msg_id: str
    code: str
    error: str


class Audience(NamedTuple):
    """A present member as delivery needs it: who, and which seqs they may see."""

    user_id: str
    min_seq: int
    max_seq: int | None
    recv_opt: int


class NewEntry(NamedTuple):
    """A message that logic has allowed, to be appended."""

    conversation_id: str
    version: int
    message_id: int
    sender: str
    client_msg_id: str
    body_hash: bytes
    kind: int
    content: str
    extra: str


class AppendStatus(IntEnum):
    """What became of one item of an append."""

    STORED = 0
    DUPLICATE = 1
    STALE = 2
    CONFLICT = 3


class Appended(NamedTuple):
    """The result for one item of an append, in the items' order.

    For STORED and DUPLICATE the ids are the stored message's own; for STALE and CONFLICT they are 0.
    """

    status: int
    message_id: int
    seq: int
    ordinal: int
    created_at: int


class AppendOutcome(NamedTuple):
    """What an append did: a result per item, and the outbox positions its events got (first 0 when none)."""

    results: list[Appended]
    first_position: int
    last_position: int


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Entries in ascending seq, clamped to the reader's window.

    Attributes:
        begin, end: the visible range of the whole conversation for this reader (end < begin: nothing visible).
    """

    entries: list[Entry]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class ReadState:
    """Where a member's read pointer stands after a mark_read; `moved` says whether this call moved it."""

    conversation_id: ConversationId
    read_seq: int
    visible_seq: int
    unread: int
    moved: bool


@dataclass(frozen=True, slots=True)
class Reader:
    """Who has read up to where."""

    user_id: UserId
    read_seq: int


# ---------------------------------------------------------------- sync


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


# ---------------------------------------------------------------- routes and presence


class Route(NamedTuple):
    """A live connection: where a user can be pushed to."""

    user_id: str
    connection: int
    platform: int
    device_id: str
    address: str


@dataclass(frozen=True, slots=True)
class PresenceState:
    """Whether somebody is online, on which platforms, and when they were last (ms, 0 = never)."""

    user_id: UserId
    online: bool
    platforms: tuple[int, ...]
    last_seen_at: int
