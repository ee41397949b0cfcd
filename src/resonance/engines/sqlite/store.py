"""The embedded store: one SQLite file, one writer thread, a few reader threads."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import ParamSpec, TypeVar

from resonance.config.engines import StoreConfig
from resonance.domain.model import AppendOutcome, NewEntry
from resonance.engines.sql.bell import Bell
from resonance.engines.sql.store import Command, SqlStore
from resonance.engines.sql.tx import run_sync
from resonance.engines.sqlite.append import append
from resonance.engines.sqlite.checkpoint import Checkpointer
from resonance.engines.sqlite.connection import Clock, connect, unavailable
from resonance.engines.sqlite.lock import FileLock
from resonance.engines.sqlite.migrate import migrate
from resonance.engines.sqlite.readers import Readers
from resonance.engines.sqlite.writer import Lane, Writer

P = ParamSpec("P")
T = TypeVar("T")


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
        return await self._writer.submit(lambda tx: run_sync(command(tx, *args, **kwargs)), Lane.BACKGROUND)

    @property
    def _tombstones_ms(self) -> int:
        return int(self._config.tombstones * 1000)

    async def _grown(self, position: int, timeout_s: float) -> bool:
        return await self._bell.wait_beyond(position, timeout_s)

    async def continue_after(self, position: int) -> None:
        """Do nothing: the next position is always the highest one and one."""

    # ------------------------------------------------------------ commands in a way of their own

    async def append(self, entries: Sequence[NewEntry]) -> AppendOutcome:
        return await self._writer.submit(lambda tx: append(tx, entries), Lane.HOT)
