"""Live connections, and who is online by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from resonance.domain.ids import UserId


class Route(NamedTuple):
    """A live connection: where a user can be pushed to."""

    user_id: str
    connection: int
    platform: int
    device_id: str
    address: str


@dataclass(frozen=True, slots=True)
class PresenceState:
    """Whether somebody is online, on which platforms, and when they were last (ms, 0 = never)."""

    user_id: UserId
    online: bool
    platforms: tuple[int, ...]
    last_seen_at: int
