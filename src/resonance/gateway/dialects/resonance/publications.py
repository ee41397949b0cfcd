"""What Resonance publishes: every message, as its task consumes them (seed 000)."""

from __future__ import annotations

from collections.abc import Iterator

from resonance._proto.mq.v1 import push_event_pb2
from resonance.domain.content import Kind
from resonance.domain.events import EntriesAppended
from resonance.domain.ids import single_peer
from resonance.gateway.dialects.resonance.tables import KIND_TEXTS, SessionIds
from resonance.ports.publications import Fact, Publication

PUSH_EVENT = "push_event"


def publications(fact: Fact, sessions: SessionIds) -> Iterator[Publication]:
    """Yield one event per entry, whoever it is for: consumers know the members by themselves."""
    if not isinstance(fact.payload, EntriesAppended):
        return
    session_id = sessions.session(fact.payload.conversation_id)
    if not session_id:  # hidden from this dialect
        return
    for entry in fact.entries:
        peer = single_peer(entry.conversation_id, entry.sender)
        event = push_event_pb2.PushEvent(
            msg_id=entry.message_id,
            seq_id=entry.seq,
            session_id=session_id,
            from_username=entry.sender,
            to_username=peer,
            content=entry.content,
            type=KIND_TEXTS.get(entry.kind, KIND_TEXTS[Kind.CUSTOM]),
            timestamp=entry.created_at // 1000,
            session_type=1 if peer else 2,
        )
        yield Publication(PUSH_EVENT, session_id, event.SerializeToString())
