"""Offline push: telling members without a connection that something was written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from resonance.domain.content import COUNTED, Kind
from resonance.domain.events import EntriesAppended, Event, MemberSettingsChanged, decode
from resonance.domain.model import Entry, RecvOpt
from resonance.observe import metrics
from resonance.ports.push import Notification, OfflinePush
from resonance.ports.store import Store
from resonance.services.delivery import Delivery
from resonance.task.audiences import Audiences
from resonance.task.processor import Processor
from resonance.task.processors.fanout import merge

BODY_CHARS = 120


class OfflineNotifier(Processor):
    """One notification per offline member and conversation for a batch of events, telling of the newest message."""

    name: ClassVar[str] = "offline_push"
    kinds: ClassVar[frozenset[str]] = frozenset({EntriesAppended.kind, MemberSettingsChanged.kind})

    def __init__(self, store: Store, delivery: Delivery, audiences: Audiences, push: OfflinePush) -> None:
        self._store = store
        self._delivery = delivery
        self._audiences = audiences
        self._push = push

    async def process(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.kind == MemberSettingsChanged.kind:
                self._forget(event)
        appended = [
            one for one in merge([event for event in events if event.kind == EntriesAppended.kind]) if one.member_count
        ]
        wanted = [await self._wanting(one) for one in appended]
        offline = set(await self._delivery.offline(sorted({user for users in wanted for user in users})))
        notifications: list[Notification] = []
        for one, users in zip(appended, wanted, strict=True):
            recipients = [user for user in users if user in offline]
            if recipients:
                notifications += await self._notifications(one, recipients)
        if notifications:
            await self._push.push(notifications)
            metrics.task_notifications.inc(len(notifications))

    def forget(self) -> None:
        self._audiences.forget_all()

    def _forget(self, event: Event) -> None:
        """Read anew who wants to be told of a conversation: somebody may have silenced it."""
        changed = decode(event)
        assert isinstance(changed, MemberSettingsChanged)
        self._audiences.forget(changed.conversation_id)

    async def _wanting(self, appended: EntriesAppended) -> list[str]:
        """Return the members who want to be told of this conversation."""
        return [
            member.user_id
            async for members in self._audiences.slices(appended)
            for member in members
            if member.recv_opt == RecvOpt.NORMAL
        ]

    async def _notifications(self, appended: EntriesAppended, recipients: list[str]) -> list[Notification]:
        entries = await self._store.entries(appended.conversation_id, appended.first_seq, appended.last_seq)
        countable = [entry for entry in entries if entry.kind in COUNTED]
        if not countable:
            return []
        newest = countable[-1]
        return [
            Notification(user, appended.conversation_id, newest.sender, newest.sender, body_of(newest), newest.seq)
            for user in recipients
            if user != newest.sender
        ]


def body_of(entry: Entry) -> str:
    """Return what a notification says of an entry: its text, or its kind in brackets."""
    if entry.kind == Kind.TEXT:
        return entry.content[:BODY_CHARS]
    return f"[{Kind(entry.kind).name.lower()}]"
