"""The cache of conversation states that rights are checked on.

A cached state may be stale: an append or a group change carries the version it was checked with, and the store
refuses another one. So the cache needs no invalidation to be correct, only to be fast.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from resonance.domain.errors import ServiceError
from resonance.domain.ids import check_conversation_id
from resonance.domain.model import Conversation, ConversationKind, ConversationState
from resonance.observe import metrics
from resonance.ports.store import Store


class CachedState:
    """A state with what the hot path derives from it once.

    Attributes:
        state: as loaded; `id` and `version` are its conversation's.
        audience: handles of the present members, when the state is complete; deliveries go to them.
        senders: users who were found to have the right to send, and keep it for as long as this version holds.
        known: users whose rows were asked for, found or not (only kept for states that are not complete).
    """

    __slots__ = ("audience", "id", "known", "senders", "state", "version")

    def __init__(self, state: ConversationState, known: set[str]) -> None:
        self.state = state
        self.id = state.conversation.id
        self.version = state.conversation.version
        self.audience: list[str] = (
            [member.user_id for member in state.members.values() if member.active] if state.complete else []
        )
        self.senders: set[str] = set()
        self.known = known

    def covers(self, user_id: str) -> bool:
        """Say whether the user's membership, or that there is none, is known."""
        state = self.state
        return state.complete or state.conversation.kind is ConversationKind.OPEN or user_id in self.known


class States:
    """At most `limit` states with `rows` members in all, the least recently used dropped first.

    Implements `logic.seams.StateCache`. A member's row takes about 400 bytes.
    """

    def __init__(self, store: Store, limit: int = 20_000, rows: int = 500_000) -> None:
        self._store = store
        self._limit = limit
        self._most_rows = rows
        self._rows = 0
        self._cached: OrderedDict[str, CachedState] = OrderedDict()

    def peek(self, conversation_id: str) -> CachedState | None:
        """Return what is cached, without loading."""
        cached = self._cached.get(conversation_id)
        if cached is not None:
            self._cached.move_to_end(conversation_id)
        return cached

    async def get(self, conversation_ids: Sequence[str], user_ids: Sequence[str]) -> dict[str, ConversationState]:
        """Return the states of those conversations that exist, each with the rows of at least these users."""
        wanted = dict.fromkeys(conversation_ids, user_ids)
        await self.load(wanted)
        return {key: cached.state for key in wanted if (cached := self._cached.get(key)) is not None}

    async def load(self, wanted: Mapping[str, Sequence[str]]) -> None:
        """Make sure that the states are cached with the rows of the users named for each; one read for all of them."""
        missing = [key for key, users in wanted.items() if not self._covers(key, users) and _may_exist(key)]
        metrics.logic_cache.labels("hit").inc(len(wanted) - len(missing))
        if not missing:
            return
        metrics.logic_cache.labels("miss").inc(len(missing))
        users = sorted({user for key in missing for user in wanted[key]})
        for state in await self._store.states(missing, users):
            self._keep(state, users)

    def forget(self, conversation_id: str) -> None:
        """Drop a state: the next look reads it anew."""
        dropped = self._cached.pop(conversation_id, None)
        if dropped is not None:
            self._rows -= len(dropped.state.members)

    def learn(self, conversation: Conversation) -> None:
        """Drop a state that is older than this version of its conversation."""
        cached = self._cached.get(conversation.id)
        if cached is not None and cached.state.conversation.version != conversation.version:
            self.forget(conversation.id)

    def _covers(self, key: str, users: Iterable[str]) -> bool:
        cached = self._cached.get(key)
        return cached is not None and all(cached.covers(user) for user in users)

    def _keep(self, state: ConversationState, users: list[str]) -> None:
        """Cache a state; rows of an incomplete one of the same version are merged with those known before."""
        key = state.conversation.id
        known = set(users)
        before = self._cached.get(key)
        if (
            before is not None
            and not state.complete
            and before.state.conversation.version == state.conversation.version
            and len(before.known) < self._limit
        ):
            state = ConversationState(state.conversation, before.state.members | state.members, complete=False)
            known |= before.known
        self.forget(key)
        self._cached[key] = CachedState(state, known)
        self._rows += len(state.members)
        while len(self._cached) > 1 and (len(self._cached) > self._limit or self._rows > self._most_rows):
            self.forget(next(iter(self._cached)))


def _may_exist(conversation_id: str) -> bool:
    """Say whether a client's word can be a conversation's id: one look at what a store cannot even look for (NUL, half
    a surrogate pair) would fail for everybody whose messages share the batch.
    """
    try:
        check_conversation_id(conversation_id)
    except ServiceError:
        return False
    return True
