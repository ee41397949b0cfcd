"""The embedded store: one SQLite file, one writer thread, a few reader threads."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import ParamSpec, TypeVar

from resonance.config.settings import StoreConfig
from resonance.domain.model import AppendOutcome, NewEntry, SyncPage
from resonance.engines.sql import house, inbox, outbox, sync
from resonance.engines.sql.lists import chunks
from resonance.engines.sql.store import Command, SqlStore
from resonance.engines.sql.tx import run_sync
from resonance.engines.sqlite.append import append
from resonance.engines.sqlite.bell import Bell
from resonance.engines.sqlite.checkpoint import Checkpointer
from resonance.engines.sqlite.connection import Clock, connect, unavailable
from resonance.engines.sqlite.lock import FileLock
from resonance.engines.sqlite.migrate import migrate
from resonance.engines.sqlite.readers import Readers
from resonance.engines.sqlite.writer import Lane, Writer
from resonance.observe import metrics
from resonance.ports.store import OutboxPage

P = ParamSpec("P")
T = TypeVar("T")

SLICE = 100
"""Rows that background work touches in one go: well below 2 ms."""


class SqliteStore(SqlStore):
    """A store in one file. It belongs to the event loop that started it.

    Lifecycle: `start`, `close` (stop accepting), `join` (drain), `terminate` (drop what waits).
    """

    def __init__(self, path: Path, config: StoreConfig) -> None:
        self._path = path
        self._config = config
        self._lock = FileLock(path)
        self._bell = Bell()

    async def start(self) -> None:
        """Take the file's lock, bring its tables up to date, and begin to serve.

        Raises:
            ServiceError: STORAGE_UNAVAILABLE when another process has the file open, or it cannot be used.
        """
        path, config = self._path, self._config
        clock = await asyncio.to_thread(self._prepare)
        self._checkpointer = Checkpointer(
            path, config.synchronous, config.wal_limit_mb << 20, lambda: self._writer.truncate_soon()
        )
        self._writer = Writer(path, config.synchronous, clock, self._checkpointer.committed, self._bell.ring)
        self._readers = Readers(path, config.readers, clock)
        self._checkpointer.start()
        self._writer.start()

    def _prepare(self) -> Clock:
        """Take the lock and bring the tables up to date; return the clock, not before the newest event."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        try:
            migrate(self._path)
            with closing(connect(self._path)) as connection:
                newest = connection.execute("SELECT created_at FROM outbox ORDER BY position DESC LIMIT 1").fetchone()
        except sqlite3.Error as error:
            self._lock.release()
            raise unavailable(error) from error
        except BaseException:
            self._lock.release()
            raise
        return Clock(newest[0] if newest else 0)

    def close(self) -> None:
        """Stop accepting commands; those under way go on."""
        self._writer.close()
        self._readers.close()
        self._bell.silence()

    async def join(self) -> None:
        """Wait until everything accepted is done, and give the file free. Call `close` before."""
        await self._writer.join()
        await self._readers.join()
        self._checkpointer.close()
        await asyncio.to_thread(self._checkpointer.join)
        self._lock.release()

    def terminate(self) -> None:
        """Refuse what waits; only the running transaction still ends. `join` still has to be awaited."""
        self._writer.terminate()
        self._readers.terminate()
        self._bell.silence()

    # ------------------------------------------------------------ transactions

    async def _read(self, command: Command[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._readers.submit(lambda tx: run_sync(command(tx, *args, **kwargs)))

    async def _write(self, command: Command[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._writer.submit(lambda tx: run_sync(command(tx, *args, **kwargs)), Lane.HOT)

    async def _write_later(self, command: Command[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a command in the background lane."""
        return await self._writer.submit(lambda tx: run_sync(command(tx, *args, **kwargs)), Lane.BACKGROUND)

    # ------------------------------------------------------------ commands in a way of their own

    async def append(self, entries: Sequence[NewEntry]) -> AppendOutcome:
        return await self._writer.submit(lambda tx: append(tx, entries), Lane.HOT)

    async def sync(self, user_id: str, token: str, limit: int) -> SyncPage:
        return await self._read(sync.sync, user_id, token, limit, int(self._config.tombstones * 1000))

    async def fill_inbox(self, user_ids: Sequence[str], limit: int) -> None:
        for user_id in user_ids:
            await self._write(inbox.fill_inbox, user_id, limit)

    async def outbox(self, after: int, limit: int, wait_ms: int, kinds: Sequence[str] = ()) -> OutboxPage:
        page = await self._read(outbox.outbox, after, limit, kinds)
        if page.end > after or not wait_ms or not await self._bell.wait_beyond(after, wait_ms / 1000):
            return page
        return await self._read(outbox.outbox, after, limit, kinds)

    async def commit_position(self, consumer: str, position: int) -> None:
        await self._write_later(outbox.commit_position, consumer, position)

    async def touch_last_seen(self, user_ids: Sequence[str], at: int) -> None:
        for part in chunks(user_ids, SLICE):
            await self._write_later(house.touch_last_seen, part, at)

    async def prune(self, keep_events: int, tombstones_before: int, limit: int) -> int:
        old = await self._read(house.find_old, keep_events, tombstones_before, limit)
        deleted = 0
        for first in range(old.first_event, old.last_event + 1, SLICE):
            last = min(first + SLICE - 1, old.last_event)
            deleted += await self._write_later(house.delete_events, first, last)
        for devices in chunks(old.devices, SLICE):
            deleted += await self._write_later(house.delete_devices, devices, tombstones_before)
        for friends in chunks(old.friends, SLICE):
            deleted += await self._write_later(house.delete_friends, friends, tombstones_before)
        metrics.repo_pruned.inc(deleted)
        return deleted
