"""Groups and their members as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AliasChoices, BeforeValidator, Field

from resonance.domain.ids import group_conversation_id
from resonance.domain.model import GroupSettings, JoinRequest, MemberPage, NewGroup, Role, User
from resonance.domain.windows import History
from resonance.gateway.http.schemas.conversations import GROUP_PREFIX, MembershipOut, membership_out
from resonance.gateway.http.schemas.fields import Body, HistoryName, RequestStatusName
from resonance.gateway.http.schemas.users import UserOut, user_out

_AVATAR = AliasChoices("avatar_url", "avatar")
_INTRODUCTION = AliasChoices("introduction", "description")


class NewGroupBody(Body):
    """A group to be made. With a caller-made `group_id` repeating the request is safe."""

    name: str
    members: list[str] = Field([], max_length=1_000, validation_alias=AliasChoices("members", "user_ids"))
    """Whom to bring in, beside the caller."""
    group_id: str = ""
    """1 to 64 of A-Z a-z 0-9 . _ -; by default the server makes one."""
    avatar_url: str = Field("", validation_alias=_AVATAR)
    introduction: str = Field("", validation_alias=_INTRODUCTION)
    history: HistoryName | None = None
    """What joiners see of the time before: full or since_join; by default as configured."""
    max_members: int = Field(0, ge=0, le=1_000_000)
    """0: as configured."""
    join_approval: bool = False
    """Whether an admin has to approve whoever joins."""


class GroupBody(Body):
    """What to change of a group; what is missing stays."""

    name: str | None = None
    avatar_url: str | None = Field(None, validation_alias=_AVATAR)
    introduction: str | None = Field(None, validation_alias=_INTRODUCTION)
    history: HistoryName | None = None
    max_members: int | None = Field(None, ge=1, le=1_000_000)
    join_approval: bool | None = None
    mute_all: bool | None = None
    """Whether only admins may write."""


class JoinBody(Body):
    """What the admins read where joining needs approval."""

    message: str = Field("", validation_alias=AliasChoices("message", "reason"))


def _one_or_many(given: object) -> object:
    return [given] if isinstance(given, str) else given


class MembersBody(Body):
    """Whom to bring in; `user_id` names a single one (wire.md 3.2.1)."""

    user_ids: Annotated[list[str], BeforeValidator(_one_or_many)] = Field(
        min_length=1, max_length=1_000, validation_alias=AliasChoices("user_ids", "members", "user_id")
    )


class RoleBody(Body):
    """A member's new role; ownership goes by its own command."""

    role: Literal["member", "admin"]


class OwnerBody(Body):
    """To whom the group goes."""

    user_id: str


class MuteBody(Body):
    """For how long; 0 ends it."""

    seconds: int = Field(ge=0, le=10 * 366 * 86_400)


class MemberOut(MembershipOut):
    """A member with their profile."""

    user: UserOut | None


class MembersOut(Body):
    """A page of members by role (highest first), then handle; `cursor` "" when there is no more."""

    members: list[MemberOut]
    total: int
    cursor: str


class AddedOut(Body):
    """Those who were not members before."""

    added: list[str]


class JoinRequestOut(Body):
    """Somebody's wish to join."""

    user_id: str
    message: str
    status: RequestStatusName
    created_at: int
    updated_at: int


class JoinRequestsOut(Body):
    """Pending wishes to join, the oldest first."""

    requests: list[JoinRequestOut]


def conversation_of(group: str) -> str:
    """Return the conversation id of a group that a path names by its group id or by its conversation id."""
    return group if group.startswith(GROUP_PREFIX) else group_conversation_id(group)


def new_group(body: NewGroupBody, default_history: History) -> NewGroup:
    """Return the group that a body means."""
    return NewGroup(
        name=body.name,
        group_id=body.group_id,
        members=tuple(body.members),
        avatar=body.avatar_url,
        introduction=body.introduction,
        history=default_history if body.history is None else body.history,
        max_members=body.max_members,
        join_approval=body.join_approval,
    )


def group_settings(body: GroupBody) -> GroupSettings:
    """Return the change of a group that a body means."""
    return GroupSettings(
        name=body.name,
        avatar=body.avatar_url,
        introduction=body.introduction,
        history=body.history,
        max_members=body.max_members,
        join_approval=body.join_approval,
        mute_all=body.mute_all,
    )


def role_of(body: RoleBody) -> Role:
    """Return the role that a body means."""
    return Role[body.role.upper()]


def members_out(page: MemberPage) -> MembersOut:
    """Return a page's JSON."""
    users: dict[str, User] = {user.id: user for user in page.users}
    members = [
        MemberOut(
            **membership_out(member).model_dump(),
            user=user_out(users[member.user_id]) if member.user_id in users else None,
        )
        for member in page.items
    ]
    return MembersOut(members=members, total=page.total, cursor=page.cursor)


def join_request_out(request: JoinRequest) -> JoinRequestOut:
    """Return a wish's JSON."""
    return JoinRequestOut(
        user_id=request.user_id,
        message=request.message,
        status=request.status,
        created_at=request.created_at,
        updated_at=request.updated_at,
    )
