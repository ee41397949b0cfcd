"""Friends, requests and blocks as JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import AliasChoices, Field

from resonance.domain.model import Friend, FriendRequest
from resonance.gateway.http.schemas.fields import Body, RequestStatusName
from resonance.gateway.http.schemas.users import PresenceOut, UserOut, presence_out, user_out
from resonance.services.friends import FriendPage, FriendView


class FriendRequestBody(Body):
    """A wish to become friends."""

    user_id: str = Field(validation_alias=AliasChoices("user_id", "username"))
    message: str = ""


class DecisionBody(Body):
    """What becomes of a request."""

    action: Literal["accept", "reject"]


class RemarkBody(Body):
    """The caller's own name for a friend; "" removes it."""

    remark: str


class StatusOut(Body):
    """Where a request stands: accepted at once, or pending."""

    status: RequestStatusName


class FriendOut(Body):
    """A friend as the caller sees them."""

    user: UserOut
    remark: str
    blocked: bool
    presence: PresenceOut
    updated_at: int


class FriendsOut(Body):
    """A page of friends by handle; `cursor` "" when there is no more."""

    friends: list[FriendOut]
    cursor: str


class FriendRequestOut(Body):
    """Somebody's wish to become friends."""

    sender: str
    recipient: str
    message: str
    status: RequestStatusName
    created_at: int
    updated_at: int


class FriendRequestsOut(Body):
    """Requests, the newest first."""

    requests: list[FriendRequestOut]


class RelationOut(Body):
    """What stands between the caller and somebody; `is_friend` and `blocked` both false: nothing any more."""

    user_id: str
    is_friend: bool
    blocked: bool
    remark: str
    updated_at: int


class BlocksOut(Body):
    """Whom the caller blocks."""

    blocks: list[RelationOut]


def friends_out(page: FriendPage) -> FriendsOut:
    """Return a page's JSON."""
    return FriendsOut(friends=[_friend_out(view) for view in page.items], cursor=page.cursor)


def _friend_out(view: FriendView) -> FriendOut:
    return FriendOut(
        user=user_out(view.user),
        remark=view.friend.remark,
        blocked=view.friend.blocked,
        presence=presence_out(view.presence),
        updated_at=view.friend.updated_at,
    )


def friend_request_out(request: FriendRequest) -> FriendRequestOut:
    """Return a request's JSON."""
    return FriendRequestOut(
        sender=request.sender,
        recipient=request.recipient,
        message=request.message,
        status=request.status,
        created_at=request.created_at,
        updated_at=request.updated_at,
    )


def relation_out(friend: Friend) -> RelationOut:
    """Return the JSON of a row of the caller's friends, tombstones included."""
    return RelationOut(
        user_id=friend.friend_id,
        is_friend=friend.is_friend,
        blocked=friend.blocked,
        remark=friend.remark,
        updated_at=friend.updated_at,
    )
