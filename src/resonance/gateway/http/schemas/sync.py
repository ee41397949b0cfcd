"""Sync as JSON."""

from __future__ import annotations

from resonance.domain.model import SyncPage
from resonance.gateway.http.schemas.conversations import ConversationOut, conversation_out
from resonance.gateway.http.schemas.fields import Body
from resonance.gateway.http.schemas.friends import FriendRequestOut, RelationOut, friend_request_out, relation_out
from resonance.gateway.http.schemas.users import UserOut, user_out


class SyncOut(Body):
    """Everything of the caller that changed since the token."""

    full: bool
    """True: replace the local state; false: merge into it."""
    conversations: list[ConversationOut]
    friends: list[RelationOut]
    requests: list[FriendRequestOut]
    users: list[UserOut]
    token: str
    """Hand it in next time; at once when `more` is true."""
    more: bool


def sync_out(page: SyncPage) -> SyncOut:
    """Return a page's JSON."""
    return SyncOut(
        full=page.full,
        conversations=[conversation_out(view) for view in page.conversations],
        friends=[relation_out(friend) for friend in page.friends],
        requests=[friend_request_out(request) for request in page.requests],
        users=[user_out(user) for user in page.users],
        token=page.token,
        more=page.more,
    )
