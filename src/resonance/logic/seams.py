"""Where logic's control plane meets its live half: what the use cases need from routes, ids and cached states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from resonance.domain.closes import Close
from resonance.domain.model import Conversation, ConversationState, PresenceState

Clock = Callable[[], int]
"""The time in ms UTC."""


class Kicker(Protocol):
    """Ends live connections, on whichever gateway they are."""

    async def kick(self, devices: Sequence[str], close: Close) -> None:
        """End every connection of these devices with this code.

        To be called after the commit that made the devices' tokens bad: a connection that comes up meanwhile then
        either has its route seen here, or finds its device closed (DESIGN: routes).
        """


class PresenceView(Protocol):
    """Who is online now."""

    async def states(self, user_ids: Sequence[str]) -> list[PresenceState]:
        """Return one state for each of the users, in their order; an unknown user is offline."""


class Ids(Protocol):
    """Makes message ids."""

    def next(self) -> int:
        """Return a new snowflake id, above every earlier one of this process.

        Raises:
            ServiceError: UNAVAILABLE while this process holds no worker id.
        """


class StateCache(Protocol):
    """Conversation states for checking rights; may be stale, because the store refuses a stale version."""

    async def get(self, conversation_ids: Sequence[str], user_ids: Sequence[str]) -> dict[str, ConversationState]:
        """Return the states of those conversations that exist, each with the rows of at least these users."""

    def forget(self, conversation_id: str) -> None:
        """Drop a state: the next `get` reads it anew."""

    def learn(self, conversation: Conversation) -> None:
        """Take note of a conversation's newest version: an older cached state must not be served any more."""
