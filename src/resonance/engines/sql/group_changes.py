"""What a change makes of a group and of its members: values in, values out."""

from __future__ import annotations

from dataclasses import replace

from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import (
    Conversation,
    ConversationStatus,
    GroupChange,
    GroupSettings,
    Member,
    MemberChange,
    MemberOp,
    MemberStatus,
    Role,
)
from resonance.domain.windows import close_window, open_window


def present(members: dict[str, Member]) -> int:
    """Return how many of these are members now."""
    return sum(member.active for member in members.values())


def changed_group(group: Conversation, change: GroupChange, head: int, more: int, now: int) -> Conversation:
    """Return the group after a change that ends at this head and brings so many members more."""
    return replace(
        _with_settings(group, change.settings),
        status=ConversationStatus.DISSOLVED if change.dissolve else group.status,
        owner=change.owner or group.owner,
        max_seq=head,
        version=group.version + 1,
        member_count=group.member_count + more,
        updated_at=now,
    )


def _with_settings(group: Conversation, settings: GroupSettings) -> Conversation:
    return replace(
        group,
        name=group.name if settings.name is None else settings.name,
        avatar=group.avatar if settings.avatar is None else settings.avatar,
        introduction=group.introduction if settings.introduction is None else settings.introduction,
        history=group.history if settings.history is None else settings.history,
        max_members=group.max_members if settings.max_members is None else settings.max_members,
        join_approval=group.join_approval if settings.join_approval is None else settings.join_approval,
        mute_all=group.mute_all if settings.mute_all is None else settings.mute_all,
    )


def changed_member(member: Member | None, group: Conversation, part: MemberChange, head: int, now: int) -> Member:
    """Return a member's row after its part in a change.

    Args:
        group: as it was before the change.
        head: the seq of the entry that tells of the change (the last one before it when none does).
    """
    if part.op is MemberOp.JOIN:
        return _joined(member, group, part, now)
    if member is None or not member.active:
        raise ServiceError(Code.NOT_MEMBER, f"{part.user_id} is not a member of {group.id}")
    if part.op is MemberOp.ROLE:
        return replace(member, role=part.role, updated_at=now)
    if part.op is MemberOp.MUTE:
        return replace(member, muted_until=part.until, updated_at=now)
    return _gone(member, group, part.op, head, now)


def _joined(member: Member | None, group: Conversation, part: MemberChange, now: int) -> Member:
    """Return the row of somebody who joins: a new window and pointer; settings and a mute outlast an absence."""
    if member is not None and member.active:
        raise ServiceError(Code.ALREADY_MEMBER, f"{part.user_id} is a member of {group.id}")
    window = open_window(group.history, group.max_seq)
    return replace(
        member or Member(group.id, part.user_id),
        role=part.role,
        status=MemberStatus.NORMAL,
        min_seq=window.min_seq,
        max_seq=window.max_seq,
        read_seq=window.min_seq - 1,
        read_ordinal=group.ordinal if window.min_seq > group.max_seq else 0,
        end_ordinal=None,
        inviter=part.inviter,
        joined_at=now,
        updated_at=now,
    )


def _gone(member: Member, group: Conversation, op: MemberOp, head: int, now: int) -> Member:
    """Return the row of somebody who leaves or is removed: the window closes, the rank is lost."""
    window = close_window(member.window, head)
    return replace(
        member,
        role=Role.MEMBER,
        status=MemberStatus.LEFT if op is MemberOp.LEAVE else MemberStatus.KICKED,
        max_seq=window.max_seq,
        end_ordinal=group.ordinal,
        updated_at=now,
    )
