"""/group. Who joins a group that was made here sees nothing of the time before (N10)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Member, NewGroup, RequestStatus
from resonance.gateway.dialects.nexo import bodies
from resonance.gateway.dialects.nexo.context import CallerOf, area_router
from resonance.gateway.dialects.nexo.envelope import answer
from resonance.gateway.dialects.nexo.errors import GROUPS
from resonance.gateway.dialects.nexo.tables import group_conversation, group_info, group_member
from resonance.gateway.http.context import ConversationsOf

MAX_MEMBERS = 10_000
"""Longest list of members; it has no pages."""
_PAGE = 500

GroupQuery = Annotated[str, Query(min_length=1)]

router: APIRouter = area_router("/group", GROUPS)


@router.post("/create")
async def create(body: bodies.Group, caller: CallerOf, conversations: ConversationsOf) -> Response:
    """Make a group that the caller owns."""
    made = NewGroup(body.name, members=tuple(body.member_ids), avatar=body.avatar, introduction=body.introduction)
    return answer(group_info(await conversations.create_group(caller, made)))


@router.post("/join")
async def join(body: bodies.GroupId, caller: CallerOf, conversations: ConversationsOf) -> Response:
    """Join. There is no answer for a wish that has to wait: it is refused, and an admin may still grant it."""
    status = await conversations.join(caller, group_conversation(body.group_id), "")
    if status is RequestStatus.PENDING:
        raise ServiceError(Code.APPROVAL_REQUIRED, "an admin of the group has been asked to let you in")
    return answer()


@router.post("/quit")
async def leave(body: bodies.GroupId, caller: CallerOf, conversations: ConversationsOf) -> Response:
    """Leave; what was visible stays visible."""
    await conversations.leave(caller, group_conversation(body.group_id))
    return answer()


@router.get("/info")
async def info(group_id: GroupQuery, caller: CallerOf, conversations: ConversationsOf) -> Response:
    """Return a group, to its members."""
    return answer(group_info(await conversations.get(caller, group_conversation(group_id))))


@router.get("/members")
async def members(group_id: GroupQuery, caller: CallerOf, conversations: ConversationsOf) -> Response:
    """Return its members, to its members."""
    found: list[Member] = []
    cursor, more = "", True
    while more:
        page = await conversations.members(caller, group_conversation(group_id), cursor, _PAGE)
        found += page.items
        cursor, more = page.cursor, page.cursor != "" and len(found) < MAX_MEMBERS
    return answer([group_member(member) for member in found])
