"""/conversations/{id}/members, and the same below /groups: who is in a group, and in which role."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from resonance.domain.model import Member, Role, User
from resonance.gateway.dialects.gochat import bodies
from resonance.gateway.dialects.gochat.context import router_at
from resonance.gateway.dialects.gochat.envelope import answer
from resonance.gateway.dialects.gochat.tables import ROLES, member_info
from resonance.gateway.http.context import CallerOf, ConversationsOf

PAGE = 50
MAX_PAGE = 500
MAX_MEMBERS = 10_000
"""How far pages go."""

router: APIRouter = router_at("")


@router.get("/conversations/{conversation_id}/members")
@router.get("/groups/{conversation_id}/members")
async def members(
    conversation_id: str,
    caller: CallerOf,
    conversations: ConversationsOf,
    page: Annotated[int, Query(ge=1, le=MAX_MEMBERS)] = 1,
    size: Annotated[int, Query(ge=1, le=MAX_PAGE)] = PAGE,
    role: Annotated[int | None, Query(ge=1, le=3)] = None,
) -> Response:
    """Return a page of members, the highest role first."""
    found: list[Member] = []
    users: dict[str, User] = {}
    total, cursor, more = 0, "", True
    while more:
        part = await conversations.members(caller, conversation_id, cursor, MAX_PAGE)
        found += [member for member in part.items if role in (None, ROLES[member.role])]
        users |= {user.id: user for user in part.users}
        total, cursor = part.total, part.cursor
        more = cursor != "" and len(found) <= page * size and len(found) < MAX_MEMBERS
    shown = found[(page - 1) * size : page * size]
    told = [member_info(member, users.get(member.user_id)) for member in shown]
    return answer({"members": told, "total": total, "hasMore": len(found) > page * size})


@router.post("/conversations/{conversation_id}/members")
@router.post("/groups/{conversation_id}/members")
async def add(
    conversation_id: str, body: bodies.NewMembers, caller: CallerOf, conversations: ConversationsOf
) -> Response:
    """Bring people in."""
    added = await conversations.add_members(caller, conversation_id, list(dict.fromkeys(body.members)))
    return answer({"members": added}, 201)


@router.delete("/conversations/{conversation_id}/members/{user_id}")
@router.delete("/groups/{conversation_id}/members/{user_id}")
async def remove(conversation_id: str, user_id: str, caller: CallerOf, conversations: ConversationsOf) -> Response:
    """Remove somebody; whoever names itself leaves."""
    if user_id == caller.user_id:
        await conversations.leave(caller, conversation_id)
    else:
        await conversations.remove_member(caller, conversation_id, user_id)
    return answer(None)


@router.put("/conversations/{conversation_id}/members/{user_id}")
@router.put("/groups/{conversation_id}/members/{user_id}")
async def set_role(
    conversation_id: str, user_id: str, body: bodies.NewRole, caller: CallerOf, conversations: ConversationsOf
) -> Response:
    """Give a role, for the owner; giving that of the owner gives the group away."""
    role = next(role for role, number in ROLES.items() if number == body.role)
    if role is Role.OWNER:
        await conversations.transfer(caller, conversation_id, user_id)
    else:
        await conversations.set_role(caller, conversation_id, user_id, role)
    return answer({"userId": user_id, "role": body.role})
