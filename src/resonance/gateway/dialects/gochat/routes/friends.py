"""/friends: at once (generation B), or by a request (generation C); the server's policy says which requests are granted
at once."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from resonance.domain.errors import Code, ServiceError
from resonance.gateway.dialects.gochat import bodies
from resonance.gateway.dialects.gochat.context import router_at
from resonance.gateway.dialects.gochat.envelope import answer
from resonance.gateway.dialects.gochat.tables import (
    conversation_item,
    friend_info,
    request_id,
    request_info,
    request_parties,
)
from resonance.gateway.http.context import CallerOf, ConversationsOf, FriendsOf
from resonance.services.friends import FriendView

MAX_FRIENDS = 10_000
"""Longest list; it has no pages."""
_PAGE = 500
_REQUESTS = 100

router: APIRouter = router_at("/friends")


@router.get("")
async def friend_list(caller: CallerOf, friends: FriendsOf) -> Response:
    """Return all friends."""
    found: list[FriendView] = []
    cursor, more = "", True
    while more:
        page = await friends.page(caller, cursor, _PAGE)
        found += page.items
        cursor, more = page.cursor, page.cursor != "" and len(found) < MAX_FRIENDS
    return answer([friend_info(view) for view in found])


@router.post("")
async def befriend(
    body: bodies.Friend, caller: CallerOf, friends: FriendsOf, conversations: ConversationsOf
) -> Response:
    """Become friends, or ask to, as the server's policy is; and open the conversation, which both then list.

    This client has no screen to accept a request: its user accepts by adding the other one in turn. Where the two may
    not write to each other before that, the request stands alone.
    """
    status = await friends.request(caller, body.friend_id, "")
    try:
        view = await conversations.open_single(caller, body.friend_id)
    except ServiceError as error:
        if error.code not in (Code.STRANGERS_REFUSED, Code.BLOCKED):
            raise
        return answer({"status": status.name.lower(), "conversation": None}, 201)
    return answer({"status": status.name.lower(), "conversation": conversation_item(view)}, 201)


@router.get("/requests")
async def requests(
    caller: CallerOf,
    friends: FriendsOf,
    direction: Annotated[Literal["received", "sent"], Query(alias="type")] = "received",
    status: Annotated[int | None, Query(ge=0, le=3)] = None,
) -> Response:
    """Return the newest requests."""
    found = await friends.requests(caller, direction == "received", _REQUESTS)
    return answer({"requests": [request_info(one) for one in found if status in (None, one.status)]})


@router.post("/requests")
async def request(body: bodies.FriendRequest, caller: CallerOf, friends: FriendsOf) -> Response:
    """Ask somebody to become friends."""
    status = await friends.request(caller, body.target_user_id, body.message)
    ends = {"requesterId": caller.user_id, "targetId": body.target_user_id}
    told = {"id": request_id(caller.user_id, body.target_user_id), **ends, "message": body.message}
    return answer(told | {"status": int(status)}, 201)


@router.put("/requests/{number}")
async def decide(
    number: str, body: bodies.Decision, caller: CallerOf, friends: FriendsOf, conversations: ConversationsOf
) -> Response:
    """Accept or reject a request to the caller; accepting opens the conversation."""
    requester, target = request_parties(number)
    if target not in ("", caller.user_id):
        raise ServiceError(Code.REQUEST_NOT_FOUND, f"there is no request {number[:140]!r} to you")
    await friends.decide(caller, requester, body.accepted)
    if not body.accepted:
        return answer({"id": number, "status": 2})
    view = await conversations.open_single(caller, requester)
    return answer({"id": number, "status": 1, "conversation": conversation_item(view)})


@router.delete("/{user_id}")
async def unfriend(user_id: str, caller: CallerOf, friends: FriendsOf) -> Response:
    """End a friendship, on both sides. The conversation stays."""
    await friends.remove(caller, user_id)
    return answer(None)
