"""Conversations and the caller's own settings of them as JSON."""

from __future__ import annotations

from pydantic import AliasChoices, Field

from resonance.domain.model import (
    Conversation,
    ConversationKind,
    ConversationPage,
    ConversationView,
    Member,
    MemberSettings,
)
from resonance.gateway.http.schemas.fields import (
    Body,
    ConversationKindName,
    ConversationStatusName,
    HistoryName,
    MemberStatusName,
    RecvOptName,
    RoleName,
)
from resonance.gateway.http.schemas.messages import MessageOut, message_out
from resonance.gateway.http.schemas.users import UserOut, user_out

GROUP_PREFIX = "sg_"


class OpenBody(Body):
    """With whom."""

    user_id: str = Field(validation_alias=AliasChoices("user_id", "target_user_id"))


class SettingsBody(Body):
    """What to change of the caller's own settings; what is missing stays."""

    pinned: bool | None = None
    recv_opt: RecvOptName | None = None
    """What the caller wants to be told of: normal, no_notify (no notification), not_recv (no push at all)."""
    nickname: str | None = None
    """What the caller is called in this group."""


class MembershipOut(Body):
    """Somebody's membership, present or past.

    The window [min_seq, max_seq] is what they may see; max_seq null: it is still open.
    """

    user_id: str
    role: RoleName
    status: MemberStatusName
    min_seq: int
    max_seq: int | None
    read_seq: int
    pinned: bool
    recv_opt: RecvOptName
    muted_until: int
    nickname: str
    inviter: str
    joined_at: int


class ConversationOut(Body):
    """A conversation as the caller sees it. `group_id` is "" for what is no group."""

    conversation_id: str
    group_id: str
    kind: ConversationKindName
    name: str
    avatar_url: str
    introduction: str
    owner_id: str
    status: ConversationStatusName
    history: HistoryName
    max_members: int
    join_approval: bool
    mute_all: bool
    member_count: int
    version: int
    created_at: int
    updated_at: int
    visible_seq: int
    """The last seq that the caller may see."""
    unread_count: int
    last_message: MessageOut | None
    peer: UserOut | None
    """In a single conversation: the other one."""
    membership: MembershipOut
    """The caller's own."""


class ConversationsOut(Body):
    """A page of conversations, pinned first, then the latest changed; `cursor` "" when there is no more."""

    conversations: list[ConversationOut]
    cursor: str


def member_settings(body: SettingsBody) -> MemberSettings:
    """Return the change of settings that a body means."""
    return MemberSettings(body.pinned, body.recv_opt, body.nickname)


def membership_out(member: Member) -> MembershipOut:
    """Return a membership's JSON."""
    return MembershipOut(
        user_id=member.user_id,
        role=member.role,
        status=member.status,
        min_seq=member.min_seq,
        max_seq=member.max_seq,
        read_seq=member.read_seq,
        pinned=member.pinned,
        recv_opt=member.recv_opt,
        muted_until=member.muted_until,
        nickname=member.nickname,
        inviter=member.inviter,
        joined_at=member.joined_at,
    )


def group_id_of(conversation: Conversation) -> str:
    """Return the group id of a conversation, "" when it is no group."""
    return conversation.id.removeprefix(GROUP_PREFIX) if conversation.kind is ConversationKind.GROUP else ""


def conversation_out(view: ConversationView) -> ConversationOut:
    """Return a conversation's JSON. The real head is left out: a former member sees only up to `visible_seq`."""
    conversation = view.conversation
    return ConversationOut(
        conversation_id=conversation.id,
        group_id=group_id_of(conversation),
        kind=conversation.kind,
        name=conversation.name,
        avatar_url=conversation.avatar,
        introduction=conversation.introduction,
        owner_id=conversation.owner,
        status=conversation.status,
        history=conversation.history,
        max_members=conversation.max_members,
        join_approval=conversation.join_approval,
        mute_all=conversation.mute_all,
        member_count=conversation.member_count,
        version=conversation.version,
        created_at=conversation.created_at,
        updated_at=conversation.updated_at,
        visible_seq=view.visible_seq,
        unread_count=view.unread,
        last_message=message_out(view.last_entry) if view.last_entry else None,
        peer=user_out(view.peer) if view.peer else None,
        membership=membership_out(view.member),
    )


def conversations_out(page: ConversationPage) -> ConversationsOut:
    """Return a page's JSON."""
    return ConversationsOut(conversations=[conversation_out(view) for view in page.items], cursor=page.cursor)
