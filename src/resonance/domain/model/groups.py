"""Changes of groups: what a wish becomes before a store carries it out."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from resonance.domain.ids import ConversationId, UserId
from resonance.domain.model.conversations import RecvOpt, Role
from resonance.domain.model.people import RequestStatus
from resonance.domain.windows import History


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
