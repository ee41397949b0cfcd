"""Publications: committed events in the words of other systems, for consumers of theirs on the bus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from resonance.domain.events import Payload
from resonance.domain.model import Entry


class Fact(NamedTuple):
    """An event, with what it takes to tell of it.

    Attributes:
        id: unique, and the same each time that the event is published.
        created_at: ms.
        entries: those that were appended; for a pointer that moved, the one that it stands at.
    """

    id: str
    payload: Payload
    created_at: int
    entries: Sequence[Entry]


class Publication(NamedTuple):
    """What is published of a fact.

    Attributes:
        stream: which topic, by its name in `kafka.topics`.
        key: what the order is kept for.
    """

    stream: str
    key: str
    body: bytes


Translation = Callable[[Fact], Iterable[Publication]]
"""Tells of a fact in another system's words: pure."""
