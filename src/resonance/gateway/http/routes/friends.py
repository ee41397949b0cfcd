"""Friends, requests, remarks and blocks."""

from __future__ import annotations

from typing import Literal

from resonance.domain.errors import Code
from resonance.gateway.http.context import CallerOf, FriendsOf
from resonance.gateway.http.refusals import refusals
from resonance.gateway.http.routes.params import Cursor, Limit100, Limit500
from resonance.gateway.http.schemas.fields import Empty
from resonance.gateway.http.schemas.friends import (
    BlocksOut,
    DecisionBody,
    FriendRequestBody,
    FriendRequestsOut,
    FriendsOut,
    RemarkBody,
    StatusOut,
    friend_request_out,
    friends_out,
    relation_out,
)
from resonance.gateway.http.strict import api_router

REQUEST_REFUSALS = refusals(
    Code.USER_NOT_FOUND, Code.ALREADY_FRIENDS, Code.BLOCKED, Code.LIMIT_REACHED, Code.ROLE_INSUFFICIENT
)

router = api_router("/api/v1/friends", "friends")
blocks_router = api_router("/api/v1/blocks", "friends")


@router.get("", operation_id="list_friends", summary="The caller's friends", responses=refusals())
async def page(caller: CallerOf, friends: FriendsOf, cursor: Cursor = "", limit: Limit500 = 100) -> FriendsOut:
    """By handle, with profile and presence."""
    return friends_out(await friends.page(caller, cursor, limit))


@router.post("", operation_id="add_friend", summary="Ask somebody to become friends", responses=REQUEST_REFUSALS)
@router.post(
    "/requests", operation_id="request_friend", summary="Ask somebody to become friends", responses=REQUEST_REFUSALS
)
async def request(body: FriendRequestBody, caller: CallerOf, friends: FriendsOf) -> StatusOut:
    """`accepted` when they are friends at once: by the server's policy, or because the other one had asked."""
    return StatusOut(status=await friends.request(caller, body.user_id, body.message))


@router.get(
    "/requests",
    operation_id="list_friend_requests",
    summary="Friend requests",
    responses=refusals(Code.ROLE_INSUFFICIENT),
)
async def requests(
    caller: CallerOf,
    friends: FriendsOf,
    direction: Literal["received", "sent"] = "received",
    limit: Limit100 = 50,
) -> FriendRequestsOut:
    """The newest first."""
    found = await friends.requests(caller, direction == "received", limit)
    return FriendRequestsOut(requests=[friend_request_out(one) for one in found])


@router.put(
    "/requests/{sender}",
    operation_id="decide_friend_request",
    summary="Accept or reject a request",
    responses=refusals(Code.REQUEST_NOT_FOUND, Code.ROLE_INSUFFICIENT),
)
async def decide(sender: str, body: DecisionBody, caller: CallerOf, friends: FriendsOf) -> Empty:
    """Acceptance makes both friends."""
    await friends.decide(caller, sender, body.action == "accept")
    return Empty()


@router.delete(
    "/{user_id}",
    operation_id="remove_friend",
    summary="End a friendship",
    responses=refusals(Code.USER_NOT_FOUND, Code.ROLE_INSUFFICIENT),
)
async def remove(user_id: str, caller: CallerOf, friends: FriendsOf) -> Empty:
    """On both sides."""
    await friends.remove(caller, user_id)
    return Empty()


@router.patch(
    "/{user_id}",
    operation_id="set_remark",
    summary="Name a friend",
    responses=refusals(Code.USER_NOT_FOUND),
)
async def set_remark(user_id: str, body: RemarkBody, caller: CallerOf, friends: FriendsOf) -> Empty:
    """The name is the caller's own; the friend does not see it."""
    await friends.set_remark(caller, user_id, body.remark)
    return Empty()


@blocks_router.get("", operation_id="list_blocks", summary="Whom the caller blocks", responses=refusals())
async def blocks(caller: CallerOf, friends: FriendsOf) -> BlocksOut:
    """By handle."""
    return BlocksOut(blocks=[relation_out(friend) for friend in await friends.blocked(caller)])


@blocks_router.put(
    "/{user_id}",
    operation_id="block",
    summary="Block somebody",
    responses=refusals(Code.USER_NOT_FOUND),
)
async def block(user_id: str, caller: CallerOf, friends: FriendsOf) -> Empty:
    """Their messages to the caller are refused from now on."""
    await friends.set_blocked(caller, user_id, True)
    return Empty()


@blocks_router.delete(
    "/{user_id}",
    operation_id="unblock",
    summary="End a block",
    responses=refusals(Code.USER_NOT_FOUND),
)
async def unblock(user_id: str, caller: CallerOf, friends: FriendsOf) -> Empty:
    """Ending one that is not there is no error."""
    await friends.set_blocked(caller, user_id, False)
    return Empty()
