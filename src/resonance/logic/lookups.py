"""What users look up most, entries and profiles: from the store, or with copies in between.

Rights never come from a copy. Of a conversation that is read often the store is asked only for what the caller may
see; the entries may be copies, if they are all that the store says there are (they never change). Who is asked for
by themselves, or on whose status something depends, is read from the store.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

import structlog

from resonance.domain.errors import ServiceError
from resonance.domain.model import Entry, EntryPage, User
from resonance.domain.windows import Window, clamp
from resonance.observe import metrics
from resonance.ports.cache import HOT_ENTRIES, Cache
from resonance.ports.store import Store

log = structlog.get_logger(__name__)

MOST_HOT = 1_000
"""Conversations that are kept in the cache by one logic."""
HOT_FOR_S = 600.0
"""A conversation is hot when it was read before within this time."""
MOST_WAITING = 2_000
"""New entries on their way into the cache; further ones are left out, and readers find that they are."""
SPARE = 16
"""Entries that are asked for beyond a newest page: some may be newer than what the store said."""
EPOCH_S = 1.0
"""Pause between two looks whether the store is still the same."""


class Lookups:
    """Straight from the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def start(self) -> None:
        """Begin; before that everything comes from the store."""

    async def close(self) -> None:
        """End what `start` has begun."""

    async def read_entries(
        self, user_id: str, conversation_id: str, begin: int, end: int, limit: int, newest: bool
    ) -> EntryPage:
        """See `Store.read_entries`."""
        return await self._store.read_entries(user_id, conversation_id, begin, end, limit, newest=newest)

    async def profiles(self, user_ids: Sequence[str]) -> list[User]:
        """Return users to be shown: see `Store.users`. Nothing may be decided by them."""
        return await self._store.users(user_ids)

    async def changed(self, user_id: str) -> None:
        """Take note, after the commit, that somebody's profile is another one."""

    def committed(self, conversation_id: str, entries: Sequence[Entry]) -> None:
        """Take note of new entries, without waiting."""


class CachedLookups(Lookups):
    """With copies, of entries in hot conversations and of profiles."""

    def __init__(
        self, store: Store, cache: Cache, profile_ttl: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin with what the cache has.

        Args:
            profile_ttl: s for which copies of profiles stay.
        """
        super().__init__(store)
        self._cache = cache
        self._profile_ttl = profile_ttl
        self._clock = clock
        # when conversations were read last, in that order
        self._read_at: OrderedDict[str, float] = OrderedDict()
        # new entries of hot conversations that are not in the cache yet, and how many
        self._waiting: dict[str, list[Entry]] = {}
        self._count = 0
        self._filled = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._cache.use((await self._store.info()).epoch)
        self._tasks = [
            asyncio.create_task(self._keep_waiting(), name="cache"),
            asyncio.create_task(self._watch_epoch(), name="cache epoch"),
        ]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ------------------------------------------------------------ entries

    async def read_entries(
        self, user_id: str, conversation_id: str, begin: int, end: int, limit: int, newest: bool
    ) -> EntryPage:
        if not self._is_hot(conversation_id):
            page = await super().read_entries(user_id, conversation_id, begin, end, limit, newest)
            self._was_read(conversation_id)
            return page
        spare = SPARE if newest and end <= 0 else 0
        seen, copies = await asyncio.gather(
            self._store.read_entries(user_id, conversation_id, 2, 1, 1, newest=False),
            self._cache.entries(conversation_id, begin, end, limit + spare, newest),
        )
        self._was_read(conversation_id)
        places = clamp(Window(seen.begin, None), begin, end, seen.end)
        places = places[-limit:] if newest else places[:limit]
        found = [entry for entry in copies if entry.seq in places]
        complete = [entry.seq for entry in found] == list(places)
        if places:
            metrics.logic_copies.labels("entries", "hit" if complete else "miss").inc()
        if not complete:
            found = await self._store.entries(conversation_id, places.start, places.stop - 1)
            recent = [entry for entry in found if entry.seq > seen.end - HOT_ENTRIES]
            await self._cache.keep_entries({conversation_id: recent})
        return EntryPage(found, seen.begin, seen.end)

    def _is_hot(self, conversation_id: str) -> bool:
        """Say whether a conversation was read before. Who opens it once fills no cache."""
        before = self._read_at.get(conversation_id)
        return before is not None and self._clock() - before < HOT_FOR_S

    def _was_read(self, conversation_id: str) -> None:
        """Note that a conversation was read by somebody who may."""
        self._read_at[conversation_id] = self._clock()
        self._read_at.move_to_end(conversation_id)
        if len(self._read_at) > MOST_HOT:
            self._read_at.popitem(last=False)

    def committed(self, conversation_id: str, entries: Sequence[Entry]) -> None:
        if self._count < MOST_WAITING and self._is_hot(conversation_id):
            self._waiting.setdefault(conversation_id, []).extend(entries)
            self._count += len(entries)
            self._filled.set()

    async def _keep_waiting(self) -> None:
        """Put new entries into the cache, whatever came while those before were being put there."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            waiting, self._waiting, self._count = self._waiting, {}, 0
            try:
                await self._cache.keep_entries(waiting)
            except Exception:
                log.exception("new entries are not in the cache")

    # ------------------------------------------------------------ profiles

    async def profiles(self, user_ids: Sequence[str]) -> list[User]:
        copies = await self._cache.users(user_ids)
        missing = [user_id for user_id in dict.fromkeys(user_ids) if user_id not in copies]
        metrics.logic_copies.labels("profile", "hit").inc(len(copies))
        if not missing:
            return list(copies.values())
        metrics.logic_copies.labels("profile", "miss").inc(len(missing))
        began = self._clock()
        read = await self._store.users(missing)
        if self._clock() - began < self._profile_ttl:  # later, a change since may have been forgotten by now
            await self._cache.keep_users(read)
        return [*copies.values(), *read]

    async def changed(self, user_id: str) -> None:
        await self._cache.drop_users([user_id])

    # ------------------------------------------------------------ the store

    async def _watch_epoch(self) -> None:
        """Follow the store when a backup takes its place."""
        while True:
            await asyncio.sleep(EPOCH_S)
            try:
                self._cache.use((await self._store.info()).epoch)
            except ServiceError as exc:
                log.debug("the store's epoch is not known", error=str(exc))
            except Exception:
                log.exception("the store's epoch is not known")
