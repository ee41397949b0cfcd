"""Changes of groups, as values: from what somebody wants and a state to the change that the store is asked for.

Pure: each function checks rights on the state, and returns None when everything is as wanted already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from resonance.domain.errors import Code, ServiceError, invalid
from resonance.domain.ids import UserId
from resonance.domain.model import (
    Conversation,
    ConversationKind,
    ConversationState,
    ConversationStatus,
    GroupChange,
    GroupSettings,
    MemberChange,
    MemberOp,
    Role,
)
from resonance.domain.rights import Action, active_member, check, check_visible
from resonance.logic.notices import Change, notice


def joining(state: ConversationState, user_id: UserId) -> GroupChange | None:
    """Return the change by which somebody joins; None when the group asks for approval first.

    Raises:
        ServiceError: PERMISSION_DENIED for what is no group (CONVERSATION_NOT_FOUND for a single conversation of
            others), CONVERSATION_DISSOLVED, ALREADY_MEMBER.
    """
    group = state.conversation
    if group.kind is not ConversationKind.GROUP:
        check_visible(state, user_id)
        raise ServiceError(Code.PERMISSION_DENIED, f"joining is for groups; {group.id} is none")
    if group.status is ConversationStatus.DISSOLVED:
        raise ServiceError(Code.CONVERSATION_DISSOLVED, f"the group {group.id} was dissolved")
    if _is_present(state, user_id):
        raise ServiceError(Code.ALREADY_MEMBER, f"{user_id} is a member of {group.id}")
    if group.join_approval:
        return None
    return _joined(group, user_id, (MemberChange(user_id, MemberOp.JOIN),))


def admitting(state: ConversationState, actor: UserId, user_id: UserId, now: int) -> GroupChange:
    """Return the change by which an admin lets in somebody who asked."""
    check(Action.APPROVE, state, actor, now)
    if _is_present(state, user_id):
        raise ServiceError(Code.REQUEST_NOT_FOUND)
    return _joined(state.conversation, actor, (MemberChange(user_id, MemberOp.JOIN, inviter=actor),))


def adding(state: ConversationState, actor: UserId, user_ids: Sequence[UserId], now: int) -> GroupChange | None:
    """Return the change that brings in those who are not members."""
    check(Action.INVITE, state, actor, now)
    new = [user_id for user_id in user_ids if not _is_present(state, user_id)]
    if not new:
        return None
    joins = tuple(MemberChange(user_id, MemberOp.JOIN, inviter=actor) for user_id in new)
    return _joined(state.conversation, actor, joins)


def removing(state: ConversationState, actor: UserId, user_id: UserId, now: int) -> GroupChange:
    """Return the change that removes somebody of lower rank."""
    check(Action.KICK, state, actor, now, user_id)
    return _change(state.conversation, actor, "kicked", (MemberChange(user_id, MemberOp.KICK),))


def leaving(state: ConversationState, actor: UserId, now: int) -> GroupChange:
    """Return the change by which a member goes."""
    check(Action.LEAVE, state, actor, now)
    return _change(state.conversation, actor, "left", (MemberChange(actor, MemberOp.LEAVE),))


def ranking(state: ConversationState, actor: UserId, user_id: UserId, role: Role, now: int) -> GroupChange | None:
    """Return the change that makes somebody admin or plain member."""
    check(Action.SET_ROLE, state, actor, now, user_id)
    if active_member(state, user_id).role is role:
        return None
    return _change(state.conversation, actor, "role", (MemberChange(user_id, MemberOp.ROLE, role=role),))


def transferring(state: ConversationState, actor: UserId, user_id: UserId, now: int) -> GroupChange:
    """Return the change that gives the group to another member."""
    check(Action.TRANSFER, state, actor, now, user_id)
    roles = (
        MemberChange(actor, MemberOp.ROLE, role=Role.ADMIN),
        MemberChange(user_id, MemberOp.ROLE, role=Role.OWNER),
    )
    return _change(state.conversation, actor, "transferred", roles, about=[user_id], owner=user_id)


def muting(state: ConversationState, actor: UserId, user_id: UserId, seconds: int, now: int) -> GroupChange:
    """Return the change that silences a member for a time; 0 ends it."""
    check(Action.MUTE, state, actor, now, user_id)
    until = now + seconds * 1000 if seconds else 0
    return _change(state.conversation, actor, "muted", (MemberChange(user_id, MemberOp.MUTE, until=until),))


def updating(state: ConversationState, actor: UserId, wanted: GroupSettings, now: int) -> GroupChange | None:
    """Return the change of those settings that are not as wanted already."""
    check(Action.UPDATE, state, actor, now)
    if wanted.mute_all is not None:
        check(Action.MUTE_ALL, state, actor, now)
    group = state.conversation
    changes = {name: value for name, value in _given(wanted).items() if getattr(group, name) != value}
    if not changes:
        return None
    settings = GroupSettings(**{name: getattr(wanted, name) for name in changes})
    if settings.max_members is not None and settings.max_members < group.member_count:
        raise invalid("max_members", f"the group has {group.member_count} members already")
    return _change(group, actor, "updated", settings=settings, changes=changes)


def dissolving(state: ConversationState, actor: UserId, now: int) -> GroupChange:
    """Return the change that ends a group."""
    check(Action.DISSOLVE, state, actor, now)
    return _change(state.conversation, actor, "dissolved", dissolve=True)


def _is_present(state: ConversationState, user_id: UserId) -> bool:
    member = state.members.get(user_id)
    return member is not None and member.active


def _given(settings: GroupSettings) -> dict[str, Change]:
    """Return the settings that are to be changed, by field."""
    return {name: value for name, value in asdict(settings).items() if value is not None}


def _joined(group: Conversation, actor: UserId, joins: tuple[MemberChange, ...]) -> GroupChange:
    """Return the change that brings people in; its entry, the first that they see, says what the group is called."""
    return _change(group, actor, "joined", joins, changes={"name": group.name})


def _change(
    group: Conversation,
    actor: UserId,
    action: str,
    members: tuple[MemberChange, ...] = (),
    *,
    about: Sequence[UserId] = (),
    owner: UserId = UserId(""),
    settings: GroupSettings | None = None,
    changes: dict[str, Change] | None = None,
    dissolve: bool = False,
) -> GroupChange:
    """Return a change that is fenced by the state's version and tells of itself; its entry has no id yet.

    Args:
        about: whom the entry names, when these are not the members that change.
    """
    return GroupChange(
        conversation_id=group.id,
        version=group.version,
        actor=actor,
        action=action,
        members=members,
        settings=settings or GroupSettings(),
        content=notice(action, actor, about or [part.user_id for part in members], changes),
        dissolve=dissolve,
        owner=owner,
    )
