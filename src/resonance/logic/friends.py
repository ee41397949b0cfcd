"""Friends: the use cases of what a person does about others."""

from __future__ import annotations

from resonance.config.settings import FriendsConfig
from resonance.domain.errors import Code, ServiceError, invalid
from resonance.domain.ids import UserId, check_handle, single_id
from resonance.domain.model import Caller, Friend, FriendRequest, PresenceState, RequestStatus
from resonance.logic import checks
from resonance.logic.guests import not_for_guests
from resonance.logic.membership import visible_presence
from resonance.logic.seams import PresenceView, StateCache
from resonance.ports.store import Store
from resonance.services.friends import FriendPage, Friends, FriendView

MAX_PAGE = 500
MAX_REQUESTS = 100
MAX_REMARK = 64
MAX_UNANSWERED = 200
"""Whoever's newest requests, this many, are all unanswered cannot send a further one."""


class FriendsLogic(Friends):
    """`Friends` on a store, joined with who is online."""

    def __init__(self, store: Store, presence: PresenceView, states: StateCache, config: FriendsConfig) -> None:
        self._store = store
        self._presence = presence
        self._states = states
        self._instant = config.policy == "instant"

    @not_for_guests
    async def request(self, caller: Caller, user_id: str, message: str) -> RequestStatus:
        other = _other(caller, user_id)
        text = checks.check_text(message, "message", checks.MAX_REQUEST_MESSAGE)
        relation = await self._store.relation(caller.user_id, other)
        if relation.blocked:
            raise ServiceError(Code.BLOCKED, f"you have blocked {other}: end that first")
        if not (relation.requested or relation.requested_by):
            await self._check_unanswered(caller.user_id)
        status = await self._store.request_friend(caller.user_id, other, text, self._instant)
        self._forget_single(caller.user_id, other)
        return status

    @not_for_guests
    async def decide(self, caller: Caller, sender: str, accept: bool) -> None:
        other = check_handle(sender, "sender")
        await self._store.decide_friend(caller.user_id, other, accept)
        self._forget_single(caller.user_id, other)

    @not_for_guests
    async def requests(self, caller: Caller, received: bool, limit: int) -> list[FriendRequest]:
        return await self._store.friend_requests(caller.user_id, received, checks.check_limit(limit, MAX_REQUESTS))

    async def page(self, caller: Caller, cursor: str, limit: int) -> FriendPage:
        checks.check_limit(limit, MAX_PAGE)
        after = check_handle(cursor, "cursor") if cursor else ""
        rows = await self._store.friends(caller.user_id, after, limit + 1)
        shown = rows[:limit]
        return FriendPage(await self._views(caller, shown), shown[-1].friend_id if len(rows) > limit else "")

    @not_for_guests
    async def remove(self, caller: Caller, user_id: str) -> None:
        other = _other(caller, user_id)
        await self._store.remove_friend(caller.user_id, other)
        self._forget_single(caller.user_id, other)

    async def set_remark(self, caller: Caller, user_id: str, remark: str) -> None:
        label = checks.check_label(remark, "remark", MAX_REMARK)
        await self._store.set_remark(caller.user_id, _other(caller, user_id), label)

    async def set_blocked(self, caller: Caller, user_id: str, blocked: bool) -> None:
        other = _other(caller, user_id)
        await self._store.set_blocked(caller.user_id, other, blocked)
        self._forget_single(caller.user_id, other)

    async def blocked(self, caller: Caller) -> list[Friend]:
        return await self._store.blocked(caller.user_id)

    async def _views(self, caller: Caller, rows: list[Friend]) -> list[FriendView]:
        """Join friends with their profiles and presence, in their order; a block hides the presence."""
        ids = [row.friend_id for row in rows]
        users = {user.id: user for user in await self._store.users(ids)}
        shown = await visible_presence(self._store, self._presence, caller, ids)
        states = {state.user_id: state for state in shown}
        return [
            FriendView(row, users[row.friend_id], states.get(row.friend_id, PresenceState(row.friend_id, False, (), 0)))
            for row in rows
        ]

    async def _check_unanswered(self, user_id: UserId) -> None:
        """Refuse a request of somebody who has asked too many strangers without an answer."""
        sent = await self._store.friend_requests(user_id, received=False, limit=MAX_UNANSWERED)
        if len(sent) == MAX_UNANSWERED and all(request.status is RequestStatus.PENDING for request in sent):
            raise ServiceError(Code.LIMIT_REACHED, f"{MAX_UNANSWERED} of your requests are not answered yet")

    def _forget_single(self, user_id: UserId, other: UserId) -> None:
        """What stands between two people is part of their conversation's state: read it anew."""
        self._states.forget(single_id(user_id, other))


def _other(caller: Caller, user_id: str) -> UserId:
    other = check_handle(user_id)
    if other == caller.user_id:
        raise invalid("user_id", "this is about somebody else than oneself")
    return other
