"""The embedded store: one SQLite file, one writer thread, a few reader threads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
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
from resonance.engines.sqlite.connection import Clock
from resonance.engines.sqlite.lock import FileLock
from resonance.engines.sqlite.migrate import migrate
from resonance.engines.sqlite.readers import Readers
from resonance.engines.sqlite.writer import Lane, Writer
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
        await asyncio.to_thread(self._prepare)
        clock = Clock()
        self._writer = Writer(self._path, self._config.synchronous, clock, self._bell.ring)
        self._readers = Readers(self._path, self._config.readers, clock)
        self._writer.start()

    def _prepare(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        try:
            migrate(self._path)
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Stop accepting commands; those under way go on."""
        self._writer.close()
        self._readers.close()
        self._bell.silence()

    async def join(self) -> None:
        """Wait until everything accepted is done, and give the file free. Call `close` before."""
        await self._writer.join()
        await self._readers.join()
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

    async def outbox(self, after: int, limit: int, wait_ms: int) -> OutboxPage:
        page = await self._read(outbox.outbox, after, limit)
        if page.events or not wait_ms or not await self._bell.wait_beyond(max(after, page.head), wait_ms / 1000):
            return page
        return await self._read(outbox.outbox, after, limit)

    async def commit_position(self, consumer: str, position: int) -> None:
        await self._write_later(outbox.commit_position, consumer, position)

    async def touch_last_seen(self, user_ids: Sequence[str], at: int) -> None:
        for part in chunks(user_ids, SLICE):
            await self._write_later(house.touch_last_seen, part, at)

    async def prune(self, keep_events: int, tombstones_before: int, limit: int) -> int:
        old = await self._read(house.find_old, keep_events, tombstones_before, limit)
        return old.count
