"""Signals of state: telling people that a conversation, a friendship or a profile changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from resonance.domain.events import (
    ConversationUpdated,
    Event,
    FriendsUpdated,
    JoinRequested,
    MemberSettingsChanged,
    UserUpdated,
    decode,
)
from resonance.domain.model import SMALL_CONVERSATION, Role
from resonance.domain.signals import ConversationChanged, FriendChanged, Presence, ProfileChanged
from resonance.ports.store import Store
from resonance.services.delivery import Delivery, SignalTo
from resonance.task.processor import Processor

ADMINS = 50
"""At most this many admins are told of a wish to join."""


class StateSignals(Processor):
    """Turns each event of state into a signal for those whom it concerns."""

    name: ClassVar[str] = "signals"
    kinds: ClassVar[frozenset[str]] = frozenset(
        {
            ConversationUpdated.kind,
            MemberSettingsChanged.kind,
            JoinRequested.kind,
            FriendsUpdated.kind,
            UserUpdated.kind,
        }
    )

    def __init__(self, store: Store, delivery: Delivery) -> None:
        self._store = store
        self._delivery = delivery

    async def process(self, events: Sequence[Event]) -> None:
        signals: list[SignalTo] = []
        for event in events:
            signals += await self._signals(event)
        if signals:
            await self._delivery.deliver_signals(signals)

    async def _signals(self, event: Event) -> list[SignalTo]:
        payload = decode(event)
        match payload:
            case ConversationUpdated():
                return [await self._conversation(payload)]
            case MemberSettingsChanged(conversation_id, user_id):
                changed = ConversationChanged(conversation_id, "settings", user_id, (user_id,), 0)
                return [SignalTo(changed, [user_id])]
            case JoinRequested(conversation_id, user_id):
                changed = ConversationChanged(conversation_id, "join_requested", user_id, (user_id,), 0)
                return [SignalTo(changed, await self._admins(conversation_id))]
            case FriendsUpdated():
                return _friends(payload) + await self._presence(payload, event.created_at)
            case UserUpdated(user_id):
                friends = [edge.friend_id for edge in await self._store.friend_edges([user_id])]
                return [SignalTo(ProfileChanged(user_id), [user_id, *friends])]
        return []

    async def _presence(self, updated: FriendsUpdated, now: int) -> list[SignalTo]:
        """Tell new friends that the other one is online: they are told of comings and goings from here on."""
        if updated.action != "accepted":
            return []
        friends = {edge.friend_id for edge in await self._store.friend_edges([updated.actor])}
        if updated.other not in friends:  # ended, or blocked
            return []
        pair = (updated.actor, updated.other)
        offline = await self._delivery.offline(pair)
        return [
            SignalTo(Presence(user, True, now), [other])
            for user, other in (pair, pair[::-1])
            if user not in offline and other not in offline
        ]

    async def _conversation(self, updated: ConversationUpdated) -> SignalTo:
        """Tell all members of a small conversation, and of a large one those whom it is about: the others sync."""
        members = await self._store.audience(updated.conversation_id, "", SMALL_CONVERSATION + 1)
        told = {updated.actor, *updated.user_ids, *updated.left}
        if len(members) <= SMALL_CONVERSATION:
            told.update(member.user_id for member in members)
        signal = ConversationChanged(
            updated.conversation_id, updated.action, updated.actor, updated.user_ids, updated.version
        )
        return SignalTo(signal, sorted(told))

    async def _admins(self, conversation_id: str) -> list[str]:
        page = await self._store.members(conversation_id, "", ADMINS)
        return [member.user_id for member in page.items if member.role >= Role.ADMIN]


def _friends(updated: FriendsUpdated) -> list[SignalTo]:
    """Tell each of those to be told about the other one."""
    return [
        SignalTo(
            FriendChanged(updated.action, updated.other if user == updated.actor else updated.actor, updated.message),
            [user],
        )
        for user in updated.notify
    ]
