"""Copies in this process's memory."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from resonance.domain.model import Entry, User
from resonance.ports.cache import HOT_ENTRIES, Cache

V = TypeVar("V")

MOST_CONVERSATIONS = 1_000
MOST_USERS = 20_000


class _Aging(Generic[V]):
    """A bounded dictionary whose values have an end; the one set longest ago goes first."""

    def __init__(self, ttl: float, most: int, clock: Callable[[], float]) -> None:
        self._ttl = ttl
        self._most = most
        self._clock = clock
        self._values: OrderedDict[str, tuple[float, V]] = OrderedDict()

    def get(self, key: str) -> V | None:
        ends_at, value = self._values.get(key, (0.0, None))
        return value if ends_at > self._clock() else None

    def set(self, key: str, value: V) -> None:
        self._values[key] = (self._clock() + self._ttl, value)
        self._values.move_to_end(key)
        if len(self._values) > self._most:
            self._values.popitem(last=False)

    def clear(self) -> None:
        self._values.clear()


class MemoryCache(Cache):
    """Copies that only this process has. What others change it does not hear of until its copies end."""

    def __init__(self, entries_ttl: float, profile_ttl: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with none.

        Args:
            entries_ttl, profile_ttl: s for which copies stay.
        """
        self._epoch = ""
        self._logs: _Aging[dict[int, Entry]] = _Aging(entries_ttl, MOST_CONVERSATIONS, clock)
        self._users: _Aging[User | str] = _Aging(profile_ttl, MOST_USERS, clock)  # "" for who was dropped

    def use(self, epoch: str) -> None:
        if epoch != self._epoch:
            self._epoch = epoch
            self._logs.clear()
            self._users.clear()

    async def entries(self, conversation_id: str, begin: int, end: int, limit: int, newest: bool) -> list[Entry]:
        log = self._logs.get(conversation_id) or {}
        found = sorted(seq for seq in log if begin <= seq and (end <= 0 or seq <= end))
        return [log[seq] for seq in (found[-limit:] if newest else found[:limit])]

    async def keep_entries(self, entries: Mapping[str, Sequence[Entry]]) -> None:
        if not self._epoch:
            return
        for conversation_id, more in entries.items():
            log = (self._logs.get(conversation_id) or {}) | {entry.seq: entry for entry in more}
            for seq in sorted(log)[:-HOT_ENTRIES]:
                del log[seq]
            self._logs.set(conversation_id, log)

    async def users(self, user_ids: Sequence[str]) -> dict[str, User]:
        found = ((user_id, self._users.get(user_id)) for user_id in user_ids)
        return {user_id: user for user_id, user in found if isinstance(user, User)}

    async def keep_users(self, users: Sequence[User]) -> None:
        for user in users:
            if self._epoch and self._users.get(user.id) is None:
                self._users.set(user.id, user)

    async def drop_users(self, user_ids: Sequence[str]) -> None:
        for user_id in user_ids:
            self._users.set(user_id, "")
