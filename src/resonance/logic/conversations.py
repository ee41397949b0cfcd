"""Conversations: the use cases of making, joining, leaving and ruling them.

A group is changed by checking rights on a state and asking the store to apply the change to that very version; a
state that is stale by then is read anew and checked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from weakref import WeakValueDictionary

from resonance.config.settings import Groups
from resonance.domain.errors import Code, ServiceError, invalid, no_conversation
from resonance.domain.ids import (
    OPEN_CONVERSATION,
    ConversationId,
    UserId,
    check_conversation_id,
    check_handle,
    group_conversation_id,
    single_id,
)
from resonance.domain.model import (
    Caller,
    ConversationKind,
    ConversationPage,
    ConversationState,
    ConversationView,
    GroupChange,
    GroupSettings,
    JoinRequest,
    MemberPage,
    MemberSettings,
    NewGroup,
    RequestStatus,
    Role,
)
from resonance.domain.rights import Action, check
from resonance.logic import checks, group_changes, group_fields
from resonance.logic.census import Census
from resonance.logic.first_contact import check_first_contact
from resonance.logic.guests import not_for_guests
from resonance.logic.membership import present_view
from resonance.logic.notices import notice
from resonance.logic.seams import Clock, Ids, StateCache
from resonance.ports.store import Store
from resonance.services.conversations import Conversations

MAX_PAGE = 200
MAX_MEMBER_PAGE = 500
OPEN_NAME = "World"
"""What everybody's conversation is called when it is made."""
MAX_MUTE_S = 10 * 365 * 86_400
ATTEMPTS = 4
"""How often a change is decided when other processes change the group meanwhile; then it is refused as busy."""

Decide = Callable[[ConversationState, int], GroupChange | None]


class ConversationsLogic(Conversations):
    """`Conversations` on a store. Rights are checked on the store's word, not on the cache of the message path: a
    refusal by a stale state would be a wrong answer, and changes are rare enough to read what they are about.
    """

    def __init__(
        self,
        store: Store,
        states: StateCache,
        ids: Ids,
        config: Groups,
        clock: Clock,
        census: Census,
        *,
        strangers: bool = True,
    ) -> None:
        self._store = store
        self._states = states
        self._ids = ids
        self._clock = clock
        self._config = config
        self._census = census
        self._strangers = strangers
        self._turns: WeakValueDictionary[ConversationId, asyncio.Lock] = WeakValueDictionary()

    # ------------------------------------------------------------ making and seeing

    @not_for_guests
    async def open_single(self, caller: Caller, user_id: str) -> ConversationView:
        peer = check_handle(user_id)
        if not await self._store.states([single_id(caller.user_id, peer)], []):
            await check_first_contact(self._store, caller.user_id, peer, strangers=self._strangers)
        made = await self._store.open_single(caller.user_id, peer)
        self._states.learn(made)
        return await self._store.conversation(caller.user_id, made.id)

    async def open_to_all(self, caller: Caller) -> ConversationView:
        made = await self._store.ensure_open(OPEN_CONVERSATION, OPEN_NAME)
        self._states.learn(made)
        view = await self.get(caller, made.id)
        if view.member.updated_at:
            return view
        await self._store.enter_open(caller.user_id, made.id)
        return await self.get(caller, made.id)

    @not_for_guests
    async def create_group(self, caller: Caller, group: NewGroup) -> ConversationView:
        checked = group_fields.checked_group(caller, group, self._config)
        if not await self._exists(checked.group_id):
            await self._check_count(caller.user_id)
        message_id = self._ids.next()
        content = notice("created", caller.user_id, checked.members, {"name": checked.name})
        made = await self._store.create_group(caller.user_id, checked, message_id, content)
        self._states.learn(made)
        return await self._store.conversation(caller.user_id, made.id)

    async def get(self, caller: Caller, conversation_id: str) -> ConversationView:
        known = check_conversation_id(conversation_id)
        return await self._census.completed(await self._store.conversation(caller.user_id, known))

    async def page(self, caller: Caller, cursor: str, limit: int, with_last: bool) -> ConversationPage:
        known = checks.check_opaque(cursor, "cursor")
        checks.check_limit(limit, MAX_PAGE)
        page = await self._store.conversations(caller.user_id, known, limit, with_last)
        return replace(page, items=await self._census.complete(page.items))

    async def set_member(self, caller: Caller, conversation_id: str, changes: MemberSettings) -> ConversationView:
        known = check_conversation_id(conversation_id)
        if changes.nickname is not None:
            nickname = checks.check_label(changes.nickname, "nickname", checks.MAX_NICKNAME)
            changes = replace(changes, nickname=nickname)
        return await self._census.completed(await self._store.set_member(caller.user_id, known, changes))

    async def members(self, caller: Caller, conversation_id: str, cursor: str, limit: int) -> MemberPage:
        checks.check_limit(limit, MAX_MEMBER_PAGE)
        known = checks.check_opaque(cursor, "cursor")
        view = await present_view(self._store, caller, conversation_id)
        return await self._store.members(view.conversation.id, known, limit)

    # ------------------------------------------------------------ coming and going

    @not_for_guests
    async def join(self, caller: Caller, conversation_id: str, message: str) -> RequestStatus:
        text = checks.check_text(message, "message", checks.MAX_REQUEST_MESSAGE)
        user_id = caller.user_id
        if await self._apply(conversation_id, [user_id], lambda state, _: group_changes.joining(state, user_id)):
            return RequestStatus.ACCEPTED
        await self._store.request_join(conversation_id, user_id, text)
        return RequestStatus.PENDING

    async def join_requests(self, caller: Caller, conversation_id: str) -> list[JoinRequest]:
        known = await self._require(Action.APPROVE, caller, conversation_id)
        return await self._store.join_requests(known)

    @not_for_guests
    async def decide_join(self, caller: Caller, conversation_id: str, user_id: str, accept: bool) -> None:
        target = check_handle(user_id)
        known = await self._require(Action.APPROVE, caller, conversation_id)
        if not accept:
            await self._store.reject_join(known, target)
            return
        if target not in {request.user_id for request in await self._store.join_requests(known)}:
            raise ServiceError(Code.REQUEST_NOT_FOUND)
        await self._apply(
            known,
            [caller.user_id, target],
            lambda state, now: group_changes.admitting(state, caller.user_id, target, now),
        )

    @not_for_guests
    async def add_members(self, caller: Caller, conversation_id: str, user_ids: Sequence[str]) -> list[str]:
        people = group_fields.people(caller, user_ids, "user_ids")
        if not people:
            raise invalid("user_ids", "user_ids names nobody but yourself")
        change = await self._apply(
            conversation_id,
            [caller.user_id, *people],
            lambda state, now: group_changes.adding(state, caller.user_id, people, now),
        )
        return [part.user_id for part in change.members] if change else []

    async def remove_member(self, caller: Caller, conversation_id: str, user_id: str) -> None:
        target = group_fields.another(caller, user_id, "to go oneself, leave")
        await self._apply(
            conversation_id,
            [caller.user_id, target],
            lambda state, now: group_changes.removing(state, caller.user_id, target, now),
        )

    async def leave(self, caller: Caller, conversation_id: str) -> None:
        await self._apply(
            conversation_id,
            [caller.user_id],
            lambda state, now: group_changes.leaving(state, caller.user_id, now),
        )

    # ------------------------------------------------------------ ruling

    @not_for_guests
    async def set_role(self, caller: Caller, conversation_id: str, user_id: str, role: Role) -> None:
        if role not in (Role.MEMBER, Role.ADMIN):
            raise invalid("role", "a role can be set to member or admin; ownership goes by transfer")
        target = group_fields.another(caller, user_id, "the owner's role goes by transfer")
        await self._apply(
            conversation_id,
            [caller.user_id, target],
            lambda state, now: group_changes.ranking(state, caller.user_id, target, role, now),
        )

    @not_for_guests
    async def transfer(self, caller: Caller, conversation_id: str, user_id: str) -> None:
        target = group_fields.another(caller, user_id, "a group is transferred to somebody else")
        await self._apply(
            conversation_id,
            [caller.user_id, target],
            lambda state, now: group_changes.transferring(state, caller.user_id, target, now),
        )

    async def mute_member(self, caller: Caller, conversation_id: str, user_id: str, seconds: int) -> None:
        checks.check_range(seconds, "seconds", 0, MAX_MUTE_S)
        target = group_fields.another(caller, user_id, "nobody mutes themselves")
        await self._apply(
            conversation_id,
            [caller.user_id, target],
            lambda state, now: group_changes.muting(state, caller.user_id, target, seconds, now),
        )

    @not_for_guests
    async def update_group(self, caller: Caller, conversation_id: str, settings: GroupSettings) -> ConversationView:
        wanted = group_fields.checked_settings(settings, self._config)
        await self._apply(
            conversation_id,
            [caller.user_id],
            lambda state, now: group_changes.updating(state, caller.user_id, wanted, now),
        )
        return await self.get(caller, conversation_id)

    @not_for_guests
    async def dissolve(self, caller: Caller, conversation_id: str) -> None:
        await self._apply(
            conversation_id,
            [caller.user_id],
            lambda state, now: group_changes.dissolving(state, caller.user_id, now),
        )

    # ------------------------------------------------------------ the loop

    async def _apply(self, conversation_id: str, involved: Sequence[UserId], decide: Decide) -> GroupChange | None:
        """Decide on the conversation's state and apply the change to that version, until the two agree.

        Changes of one conversation take turns here, first come, first served: between them they never race, and nobody
        is refused because others were quicker. Only another process can still make a state stale.

        Args:
            involved: whose rows the decision needs.
            decide: takes the state and the time; raises to refuse, returns None when there is nothing to do.

        Raises:
            ServiceError: what `decide` and the store raise; BUSY when the group changes faster than this can decide.
        """
        known = check_conversation_id(conversation_id)
        async with self._turns.setdefault(known, asyncio.Lock()):
            for _ in range(ATTEMPTS):
                change = decide(await self._state(known, involved), self._clock())
                if change is None:
                    return None
                try:
                    changed = await self._store.change_group(self._with_entry(change))
                except ServiceError as error:
                    if error.code is not Code.STALE:
                        raise
                    self._states.forget(known)
                    continue
                self._states.learn(changed)
                return change
        raise ServiceError(Code.BUSY, f"{known} changes too fast: try again")

    async def _state(self, conversation_id: ConversationId, involved: Sequence[UserId]) -> ConversationState:
        found = await self._store.states([conversation_id], involved)
        if not found:
            raise no_conversation(conversation_id)
        return found[0]

    def _with_entry(self, change: GroupChange) -> GroupChange:
        """Give the change's system entry its id, if it has one."""
        return replace(change, message_id=self._ids.next()) if change.content else change

    async def _require(self, action: Action, caller: Caller, conversation_id: str) -> ConversationId:
        """Refuse a caller without this right, for commands that no version fences."""
        known = check_conversation_id(conversation_id)
        check(action, await self._state(known, [caller.user_id]), caller.user_id, self._clock())
        return known

    async def _exists(self, group_id: str) -> bool:
        return bool(group_id) and bool(await self._store.states([group_conversation_id(group_id)], []))

    async def _check_count(self, user_id: UserId) -> None:
        """Refuse a further group to somebody who owns as many as one may."""
        owned, cursor = 0, ""
        while True:
            page = await self._store.conversations(user_id, cursor, MAX_PAGE, with_last=False)
            owned += sum(
                view.conversation.kind is ConversationKind.GROUP and view.conversation.owner == user_id
                for view in page.items
            )
            if owned >= self._config.per_user:
                raise ServiceError(Code.LIMIT_REACHED, f"one user may own {self._config.per_user} groups")
            if not page.cursor:
                return
            cursor = page.cursor
