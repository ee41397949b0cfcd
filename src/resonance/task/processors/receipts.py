"""Receipts: telling senders that they were read, and the reader's other devices that the pointer moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from resonance.config.settings import Receipts as ReceiptSettings
from resonance.domain.events import Event, PointerMoved, decode
from resonance.domain.model import ConversationKind, ConversationState
from resonance.domain.signals import Receipt
from resonance.ports.store import Store
from resonance.services.delivery import Delivery, SignalTo
from resonance.task.processor import Processor

NEWLY_READ = 200
"""At most this many of the newly read entries are looked at for their senders."""


class SingleReceipts(Processor):
    """At once: to the peer of a single conversation, and in every kind to the reader's own devices."""

    name: ClassVar[str] = "receipts"
    kinds: ClassVar[frozenset[str]] = frozenset({PointerMoved.kind})

    def __init__(self, store: Store, delivery: Delivery) -> None:
        self._store = store
        self._delivery = delivery

    async def process(self, events: Sequence[Event]) -> None:
        moved = furthest(events)
        states = await self._store.states(sorted({one.conversation_id for one in moved}), [])
        singles: dict[str, ConversationState] = {
            state.conversation.id: state for state in states if state.conversation.kind is ConversationKind.SINGLE
        }
        await self._delivery.deliver_signals(
            [
                SignalTo(
                    Receipt(one.conversation_id, one.user_id, one.read_seq),
                    _told(one.user_id, singles.get(one.conversation_id)),
                )
                for one in moved
            ]
        )


def _told(reader: str, single: ConversationState | None) -> list[str]:
    """Return who is told that somebody read: the reader, and a peer who has not blocked the reader."""
    if single is None or reader in single.blocked:
        return [reader]
    return sorted({reader, *single.members})


class GroupReceipts(Processor):
    """Coalesced: in groups up to a size, to the senders of the newly read entries who are still members."""

    name: ClassVar[str] = "group_receipts"
    kinds: ClassVar[frozenset[str]] = frozenset({PointerMoved.kind})

    def __init__(self, store: Store, delivery: Delivery, settings: ReceiptSettings) -> None:
        self._store = store
        self._delivery = delivery
        self._settings = settings

    async def process(self, events: Sequence[Event]) -> None:
        moved, limit = furthest(events), self._settings.group_limit
        states = await self._store.states(sorted({one.conversation_id for one in moved}), [])
        groups = {
            state.conversation.id
            for state in states
            if state.conversation.kind is ConversationKind.GROUP and state.conversation.member_count <= limit
        }
        signals = []
        for one in moved:
            if one.conversation_id in groups:
                senders = await self._senders(one)
                if senders:
                    signals.append(SignalTo(Receipt(one.conversation_id, one.user_id, one.read_seq), senders))
        if signals:
            await self._delivery.deliver_signals(signals)

    async def _senders(self, moved: PointerMoved) -> list[str]:
        first = max(moved.from_seq + 1, moved.read_seq - NEWLY_READ + 1)
        entries = await self._store.entries(moved.conversation_id, first, moved.read_seq)
        audience = await self._store.audience(moved.conversation_id, "", self._settings.group_limit)
        present = {member.user_id for member in audience}
        return sorted({entry.sender for entry in entries} & present - {moved.user_id})


def furthest(events: Sequence[Event]) -> list[PointerMoved]:
    """Return one move per reader and conversation: from where the first began to where the last went."""
    moves: dict[tuple[str, str], PointerMoved] = {}
    for event in events:
        moved = decode(event)
        assert isinstance(moved, PointerMoved)
        key = (moved.conversation_id, moved.user_id)
        before = moves.get(key)
        if before is not None:
            moved = PointerMoved(moved.conversation_id, moved.user_id, before.from_seq, moved.read_seq)
        moves[key] = moved
    return list(moves.values())
