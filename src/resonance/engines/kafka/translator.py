"""Events in the words of other systems, for the topics that the configuration names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from resonance.domain.events import EntriesAppended, Event, Payload, PointerMoved, decode
from resonance.domain.model import Entry
from resonance.engines.kafka.records import Record
from resonance.ports.publications import Fact, Translation
from resonance.ports.store import Store

log = structlog.get_logger(__name__)


class Translator:
    """Makes records of events.

    Args:
        streams: topics by stream; the others are not published.
    """

    def __init__(self, store: Store, streams: Mapping[str, str], translations: Sequence[Translation]) -> None:
        self._store = store
        self._streams = streams
        self._translations = translations

    async def records(self, epoch: str, event: Event) -> list[Record]:
        """Return what is published of an event. One that cannot be told of is logged, and left out."""
        if not self._streams:
            return []
        try:
            payload = decode(event)
        except ValueError as exc:  # of a newer server
            log.error("an event was not translated", position=event.position, error=str(exc))
            return []
        fact = Fact(f"{epoch}-{event.position}", payload, event.created_at, await self._entries(payload))
        try:
            told = [one for translation in self._translations for one in translation(fact)]
        except Exception:  # a mistake in somebody else's words must not stop our own work
            log.exception("an event was not translated", position=event.position, kind=event.kind)
            return []
        return [
            Record(self._streams[stream], key.encode(), body, [("event", fact.id.encode())])
            for stream, key, body in told
            if stream in self._streams
        ]

    async def _entries(self, payload: Payload) -> list[Entry]:
        match payload:
            case EntriesAppended(conversation_id, first_seq, last_seq):
                return await self._store.entries(conversation_id, first_seq, last_seq)
            case PointerMoved(conversation_id, _, _, read_seq):
                return await self._store.entries(conversation_id, read_seq, read_seq)
        return []
