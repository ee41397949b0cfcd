"""Copies of what is read often, for readers to whom a copy may be missing at any time.

Nothing is decided by a copy. Who cannot reach a shared cache cannot delete from it either, so whatever a right, a
position or the end of a log depends on is asked of the store: that is why there are no copies of members, whose every
reader has to know who may see what, and of heads beyond what the copies of entries show, because sync, gaps and lists
must not be behind.

* Entries never change once they are committed: a copy of a place in a log is true for ever, and the reader, who knows
  by the store which places it wants, sees whether it got all of them.
* A profile may be shown that was changed up to `ttl` ago, and only if who changed it could not reach the cache.

No call fails. Without the cache nothing is found, and what is kept is lost.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from resonance.domain.model import Entry, User

HOT_ENTRIES = 300
"""The newest entries of a conversation that are kept at most (seed 004)."""


class Cache(ABC):
    """Copies, each with an end, below the epoch of the store that they are of."""

    @abstractmethod
    def use(self, epoch: str) -> None:
        """Say which store copies are of from now on; before the first time nothing is found or kept."""

    @abstractmethod
    async def entries(self, conversation_id: str, begin: int, end: int, limit: int, newest: bool) -> list[Entry]:
        """Return copies of entries of [begin, end], ascending, at most `limit`; any of them may be missing.

        Args:
            end: 0 for as far as there are any.
            newest: the last ones of those, else the first.
        """

    @abstractmethod
    async def keep_entries(self, entries: Mapping[str, Sequence[Entry]]) -> None:
        """Keep copies of committed entries, by conversation; only the newest `HOT_ENTRIES` of each stay."""

    @abstractmethod
    async def users(self, user_ids: Sequence[str]) -> dict[str, User]:
        """Return copies of profiles, by id; any may be missing."""

    @abstractmethod
    async def keep_users(self, users: Sequence[User]) -> None:
        """Keep copies of profiles, unless there is one, or the profile was dropped less than `ttl` ago: who read it
        before a change may come to keep it after that.
        """

    @abstractmethod
    async def drop_users(self, user_ids: Sequence[str]) -> None:
        """Drop copies of profiles, after the commit that changed them."""
