"""Events as records of Kafka: key and payload as they are, the rest in headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from resonance.domain.events import Event


class Record(NamedTuple):
    """What is published to one topic; `partition` -1: the one that its key says."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    partition: int = -1


class Place(NamedTuple):
    """A position in the outbox of a store's epoch: positions of two epochs say nothing of one another."""

    epoch: str
    position: int

    @classmethod
    def parse(cls, text: str | None) -> Place:
        """Return a place from its text; the beginning for a text that is none."""
        epoch, _, position = (text or "").rpartition(":")
        return cls(epoch, int(position)) if position.isdecimal() else cls("", 0)

    def __str__(self) -> str:
        return f"{self.epoch}:{self.position}"


def record_of(topic: str, epoch: str, event: Event) -> Record:
    """Return an event as it is published."""
    headers = [
        ("position", b"%d" % event.position),
        ("kind", event.kind.encode()),
        ("created_at", b"%d" % event.created_at),
        ("epoch", epoch.encode()),
    ]
    return Record(topic, event.key.encode(), event.payload, headers)


def event_of(key: bytes, value: bytes, headers: Mapping[str, bytes]) -> tuple[str, Event]:
    """Return the epoch and the event of a record.

    Raises:
        ValueError: a record that no relay of ours has written.
    """
    try:
        event = Event(
            int(headers["position"]), key.decode(), headers["kind"].decode(), value, int(headers["created_at"])
        )
        return headers["epoch"].decode(), event
    except KeyError as exc:
        raise ValueError(f"the header {exc} is missing") from exc
