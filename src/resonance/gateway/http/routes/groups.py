"""Groups: making, joining, leaving, ruling them. A path names one by its group id or its conversation id."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from resonance.domain.errors import Code
from resonance.domain.windows import History
from resonance.gateway.http.context import CallerOf, ContextOf, ConversationsOf
from resonance.gateway.http.refusals import refusals
from resonance.gateway.http.routes.params import Cursor, Limit500
from resonance.gateway.http.schemas.conversations import ConversationOut, conversation_out
from resonance.gateway.http.schemas.fields import Empty
from resonance.gateway.http.schemas.friends import DecisionBody, StatusOut
from resonance.gateway.http.schemas.groups import (
    AddedOut,
    GroupBody,
    JoinBody,
    JoinRequestsOut,
    MembersBody,
    MembersOut,
    MuteBody,
    NewGroupBody,
    OwnerBody,
    RoleBody,
    conversation_of,
    group_settings,
    join_request_out,
    members_out,
    new_group,
    role_of,
)
from resonance.gateway.http.strict import api_router


async def _conversation(group_id: str) -> str:
    return conversation_of(group_id)


GroupOf = Annotated[str, Depends(_conversation)]
"""The conversation of the group that the path names."""

ACCESS = (Code.CONVERSATION_NOT_FOUND, Code.NOT_MEMBER, Code.MEMBER_INACTIVE)
RULE = refusals(*ACCESS, Code.ROLE_INSUFFICIENT, Code.OWNER_MUST_STAY, Code.CONVERSATION_DISSOLVED, Code.STALE)

router = api_router("/api/v1/groups", "groups")


@router.post(
    "",
    operation_id="create_group",
    summary="Make a group",
    responses=refusals(
        Code.USER_NOT_FOUND, Code.GROUP_FULL, Code.CONVERSATION_EXISTS, Code.LIMIT_REACHED, Code.ROLE_INSUFFICIENT
    ),
)
async def create(
    body: NewGroupBody, caller: CallerOf, conversations: ConversationsOf, context: ContextOf
) -> ConversationOut:
    """The caller owns it. Repeating it with the same `group_id` returns the same group."""
    history = History[context.settings.groups.history.upper()]
    return conversation_out(await conversations.create_group(caller, new_group(body, history)))


@router.get("/{group_id}", operation_id="get_group", summary="One group", responses=refusals(*ACCESS))
async def get(group: GroupOf, caller: CallerOf, conversations: ConversationsOf) -> ConversationOut:
    """As the caller sees it."""
    return conversation_out(await conversations.get(caller, group))


@router.patch("/{group_id}", operation_id="update_group", summary="Change a group", responses=RULE)
async def update(group: GroupOf, body: GroupBody, caller: CallerOf, conversations: ConversationsOf) -> ConversationOut:
    """For admins. What is missing stays as it is."""
    return conversation_out(await conversations.update_group(caller, group, group_settings(body)))


@router.delete("/{group_id}", operation_id="dissolve_group", summary="End a group", responses=RULE)
async def dissolve(group: GroupOf, caller: CallerOf, conversations: ConversationsOf) -> Empty:
    """For its owner. It stays readable; nobody writes any more."""
    await conversations.dissolve(caller, group)
    return Empty()


@router.post(
    "/{group_id}/join",
    operation_id="join_group",
    summary="Join a group",
    responses=refusals(
        Code.CONVERSATION_NOT_FOUND,
        Code.CONVERSATION_DISSOLVED,
        Code.ALREADY_MEMBER,
        Code.GROUP_FULL,
        Code.ROLE_INSUFFICIENT,
    ),
)
async def join(
    group: GroupOf, caller: CallerOf, conversations: ConversationsOf, body: JoinBody | None = None
) -> StatusOut:
    """`pending` where an admin has to approve."""
    return StatusOut(status=await conversations.join(caller, group, body.message if body else ""))


@router.get("/{group_id}/requests", operation_id="list_join_requests", summary="Who wants to join", responses=RULE)
async def join_requests(group: GroupOf, caller: CallerOf, conversations: ConversationsOf) -> JoinRequestsOut:
    """For admins; the oldest first."""
    found = await conversations.join_requests(caller, group)
    return JoinRequestsOut(requests=[join_request_out(request) for request in found])


@router.put(
    "/{group_id}/requests/{user_id}",
    operation_id="decide_join_request",
    summary="Let somebody join, or not",
    responses=RULE | refusals(*ACCESS, Code.ROLE_INSUFFICIENT, Code.REQUEST_NOT_FOUND, Code.GROUP_FULL),
)
async def decide_join(
    group: GroupOf, user_id: str, body: DecisionBody, caller: CallerOf, conversations: ConversationsOf
) -> Empty:
    """For admins."""
    await conversations.decide_join(caller, group, user_id, body.action == "accept")
    return Empty()


@router.post(
    "/{group_id}/members",
    operation_id="add_members",
    summary="Bring people in",
    responses=refusals(*ACCESS, Code.ROLE_INSUFFICIENT, Code.USER_NOT_FOUND, Code.GROUP_FULL),
)
async def add_members(group: GroupOf, body: MembersBody, caller: CallerOf, conversations: ConversationsOf) -> AddedOut:
    """For members; for admins where joining needs approval."""
    return AddedOut(added=await conversations.add_members(caller, group, body.user_ids))


@router.get("/{group_id}/members", operation_id="list_members", summary="Members", responses=refusals(*ACCESS))
async def members(
    group: GroupOf, caller: CallerOf, conversations: ConversationsOf, cursor: Cursor = "", limit: Limit500 = 100
) -> MembersOut:
    """By role (highest first), then handle."""
    return members_out(await conversations.members(caller, group, cursor, limit))


@router.delete("/{group_id}/members/{user_id}", operation_id="remove_member", summary="Remove somebody", responses=RULE)
async def remove_member(group: GroupOf, user_id: str, caller: CallerOf, conversations: ConversationsOf) -> Empty:
    """For admins, about members of lower rank."""
    await conversations.remove_member(caller, group, user_id)
    return Empty()


@router.post("/{group_id}/leave", operation_id="leave_group", summary="Leave a group", responses=RULE)
async def leave(group: GroupOf, caller: CallerOf, conversations: ConversationsOf) -> Empty:
    """What was visible stays visible. The owner has to give the group to somebody first."""
    await conversations.leave(caller, group)
    return Empty()


@router.put("/{group_id}/members/{user_id}/role", operation_id="set_role", summary="Give a role", responses=RULE)
async def set_role(
    group: GroupOf, user_id: str, body: RoleBody, caller: CallerOf, conversations: ConversationsOf
) -> Empty:
    """For the owner."""
    await conversations.set_role(caller, group, user_id, role_of(body))
    return Empty()


@router.put("/{group_id}/owner", operation_id="transfer_group", summary="Give the group away", responses=RULE)
async def transfer(group: GroupOf, body: OwnerBody, caller: CallerOf, conversations: ConversationsOf) -> Empty:
    """To another member; the caller becomes admin."""
    await conversations.transfer(caller, group, body.user_id)
    return Empty()


@router.put("/{group_id}/members/{user_id}/mute", operation_id="mute_member", summary="Silence", responses=RULE)
async def mute(group: GroupOf, user_id: str, body: MuteBody, caller: CallerOf, conversations: ConversationsOf) -> Empty:
    """For admins, about members of lower rank; 0 seconds end it."""
    await conversations.mute_member(caller, group, user_id, body.seconds)
    return Empty()
