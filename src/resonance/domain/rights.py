"""Who may do what in a conversation: one table, one function. (What guests may not do anywhere: `logic.guests`.)

`check` is pure: it decides from a `ConversationState` and the clock. The store repeats nothing of it; it only refuses
to commit when the state's version is no longer the conversation's.
"""

from __future__ import annotations

from enum import StrEnum

from resonance.domain.errors import Code, ServiceError, no_conversation
from resonance.domain.model import (
    Conversation,
    ConversationKind,
    ConversationState,
    ConversationStatus,
    Member,
    Role,
)


class Action(StrEnum):
    """Everything a member can do to a conversation that not everybody may do."""

    SEND = "send"
    INVITE = "invite"
    APPROVE = "approve"
    KICK = "kick"
    MUTE = "mute"
    MUTE_ALL = "mute_all"
    UPDATE = "update"
    SET_ROLE = "set_role"
    TRANSFER = "transfer"
    DISSOLVE = "dissolve"
    LEAVE = "leave"


LEAST_ROLE: dict[Action, Role] = {
    Action.SEND: Role.MEMBER,
    Action.INVITE: Role.MEMBER,  # ADMIN where joining needs approval
    Action.APPROVE: Role.ADMIN,
    Action.KICK: Role.ADMIN,
    Action.MUTE: Role.ADMIN,
    Action.MUTE_ALL: Role.ADMIN,
    Action.UPDATE: Role.ADMIN,
    Action.SET_ROLE: Role.OWNER,
    Action.TRANSFER: Role.OWNER,
    Action.DISSOLVE: Role.OWNER,
    Action.LEAVE: Role.MEMBER,  # but never the owner
}
"""The rank that an action needs in a group."""

MUST_OUTRANK = frozenset({Action.KICK, Action.MUTE, Action.SET_ROLE})
"""Actions on another member, who has to be of lower rank than the actor."""


def check(
    action: Action, state: ConversationState, actor: str, now: int, target: str = "", *, strangers: bool = True
) -> None:
    """Return when `actor` may do this now; refuse it otherwise.

    Args:
        now: ms, for mutes.
        target: the member the action is about, for KICK, MUTE, SET_ROLE and TRANSFER.
        strangers: whether people who are not friends may message each other (single conversations).

    Raises:
        ServiceError: NOT_MEMBER, MEMBER_INACTIVE, CONVERSATION_DISSOLVED, ROLE_INSUFFICIENT, OWNER_MUST_STAY, MUTED,
            BLOCKED or STRANGERS_REFUSED; CONVERSATION_NOT_FOUND about a single conversation of others.
    """
    conversation = state.conversation
    if conversation.kind is not ConversationKind.GROUP:
        _check_outside_groups(action, state, actor, strangers)
        return
    member = active_member(state, actor)
    if conversation.status is ConversationStatus.DISSOLVED:
        raise ServiceError(Code.CONVERSATION_DISSOLVED, f"the group {conversation.id} was dissolved")
    if action is Action.SEND:
        _check_mutes(conversation, member, now)
    needed = LEAST_ROLE[action]
    if action is Action.INVITE and conversation.join_approval:
        needed = Role.ADMIN
    if member.role < needed:
        raise ServiceError(
            Code.ROLE_INSUFFICIENT,
            f"{action} needs the role {needed.name.lower()}; {actor} is {member.role.name.lower()}",
        )
    if action is Action.LEAVE and member.role is Role.OWNER:
        raise ServiceError(Code.OWNER_MUST_STAY)
    if action in MUST_OUTRANK:
        other = active_member(state, target)
        if other.role is Role.OWNER:
            raise ServiceError(Code.OWNER_MUST_STAY, f"{target} owns the group: transfer it first")
        if other.role >= member.role:
            raise ServiceError(Code.ROLE_INSUFFICIENT, f"{action}: {target} is {other.role.name.lower()} too")
    elif action is Action.TRANSFER:
        active_member(state, target)


def active_member(state: ConversationState, user_id: str) -> Member:
    """Return the row of somebody who is a member now, or refuse.

    Raises:
        ServiceError: NOT_MEMBER for somebody who never was one (CONVERSATION_NOT_FOUND when it is a single
            conversation), MEMBER_INACTIVE for one who left or was removed.
    """
    check_visible(state, user_id)
    member = state.members.get(user_id)
    if member is None:
        raise ServiceError(Code.NOT_MEMBER, f"{user_id} is not a member of {state.conversation.id}")
    if not member.active:
        raise ServiceError(Code.MEMBER_INACTIVE, f"{user_id} is no longer a member of {state.conversation.id}")
    return member


def check_visible(state: ConversationState, user_id: str) -> None:
    """Return unless this is a single conversation of others, of which an outsider must not learn that it exists.

    Raises:
        ServiceError: CONVERSATION_NOT_FOUND, just as for one that does not exist.
    """
    if state.conversation.kind is ConversationKind.SINGLE and user_id not in state.members:
        raise no_conversation(state.conversation.id)


def _check_outside_groups(action: Action, state: ConversationState, actor: str, strangers: bool) -> None:
    """Check an action in a single or open conversation, where all one can do is send."""
    conversation = state.conversation
    check_visible(state, actor)
    if action is not Action.SEND:
        raise ServiceError(Code.PERMISSION_DENIED, f"{action} is for groups; {conversation.id} is none")
    if conversation.kind is ConversationKind.OPEN:
        return
    active_member(state, actor)
    if actor in state.blocked:
        raise ServiceError(Code.BLOCKED)
    if not (strangers or state.friends or len(state.members) == 1):
        raise ServiceError(Code.STRANGERS_REFUSED)


def _check_mutes(conversation: Conversation, member: Member, now: int) -> None:
    if member.muted_until > now:
        raise ServiceError(Code.MUTED, f"{member.user_id} is muted until {member.muted_until}")
    if conversation.mute_all and member.role is Role.MEMBER:
        raise ServiceError(Code.MUTED, "all members are muted; only admins may write")
