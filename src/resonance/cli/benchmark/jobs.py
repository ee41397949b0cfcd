"""What a driver process is told to do, and what it tells afterwards; both go through a pipe."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

TEXT = "The quick brown fox jumps over the lazy dog, and then it comes back for another look."


@dataclass(frozen=True, slots=True)
class PairsJob:
    """Chat 1:1 in conversations of two.

    Attributes:
        pairs: of each conversation: its id and the two tokens.
        in_flight: messages per connection that await an ack (saturated); ignored with a rate.
        rate: messages a second in all, offered at fixed times whatever the server does; 0 means saturated.
        seconds: how long messages are sent.
        first: number of the first connection: keys of two drivers must differ.
    """

    url: str
    pairs: list[tuple[str, str, str]]
    in_flight: int
    rate: float
    seconds: float
    first: int


@dataclass(frozen=True, slots=True)
class GroupJob:
    """Write to one group: `burst` messages a tick, the next tick when everybody has them all.

    Attributes:
        tokens: of the members; the first one writes.
    """

    url: str
    conversation_id: str
    tokens: list[str]
    burst: int
    seconds: float


@dataclass(frozen=True, slots=True)
class HoldJob:
    """Open connections and hold them.

    Attributes:
        tokens: one per connection.
        at_once: how many connects may be under way at a time.
    """

    url: str
    tokens: list[str]
    at_once: int


Job = PairsJob | GroupJob | HoldJob


@dataclass(slots=True)
class Outcome:
    """What a driver saw.

    Attributes:
        messages, frames: acked messages and delivered pushes.
        seconds: from the first send to the last delivery.
        acks, deliveries: latencies in ms, from the (offered) time of the send.
        connects: ms that each connect took, up to `ready`.
        heads: of each conversation, the last seq that was acked.
        keys: of each conversation, seq -> key, of the first few conversations.
        faults, texts: how many checks failed, and the first of them in words.
    """

    messages: int = 0
    frames: int = 0
    seconds: float = 0.0
    acks: array[float] = field(default_factory=lambda: array("d"))
    deliveries: array[float] = field(default_factory=lambda: array("d"))
    connects: array[float] = field(default_factory=lambda: array("d"))
    heads: dict[str, int] = field(default_factory=dict)
    keys: dict[str, dict[int, str]] = field(default_factory=dict)
    faults: int = 0
    texts: list[str] = field(default_factory=list)
