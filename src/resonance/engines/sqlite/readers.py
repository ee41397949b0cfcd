"""Readers beside the writer: a few threads, each with its own connection and one snapshot per command."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from resonance.domain.errors import Code, ServiceError
from resonance.engines.sqlite.connection import Clock, SqliteTx, connect_reader, is_engine_failure, unavailable
from resonance.observe import metrics

T = TypeVar("T")

QUEUE_LIMIT = 8_192
"""Reads that may wait or run; further ones are refused as BUSY."""


class Readers:
    """A pool of reading threads. `submit` is called on the event loop."""

    def __init__(self, path: Path, threads: int, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._waiting = 0
        self._accepting = True
        self._local = threading.local()
        self._connections: set[sqlite3.Connection] = set()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="store-reader")

    async def submit(self, work: Callable[[SqliteTx], T]) -> T:
        """Run a reading command on one snapshot of what is committed now.

        Raises:
            ServiceError: BUSY when too many wait; UNAVAILABLE after `close`; STORAGE_UNAVAILABLE.
        """
        if not self._accepting:
            raise ServiceError(Code.UNAVAILABLE, "the store is closed")
        if self._waiting >= QUEUE_LIMIT:
            raise ServiceError(Code.BUSY, f"{self._waiting} reads wait for the store", retry_after_ms=100)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Stop accepting."""
        self._accepting = False

    async def join(self) -> None:
        """Wait for the reads under way and close the connections."""
        await asyncio.to_thread(self._pool.shutdown)
        while self._connections:
            self._connections.pop().close()

    def terminate(self) -> None:
        """Drop the reads that wait; their callers are cancelled."""
        self._accepting = False
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _read(self, work: Callable[[SqliteTx], T]) -> T:
        """Run one command in a snapshot, on a thread of the pool."""
        try:
            connection = self._connection()
            connection.execute("BEGIN")
            try:
                return work(SqliteTx(connection, self._clock.now()))
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            if not is_engine_failure(error):
                raise
            metrics.repo_errors.labels(error.sqlite_errorname).inc()
            self._disconnect()
            raise unavailable(error) from error

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connect_reader(self._path)
            self._connections.add(connection)
        return connection

    def _disconnect(self) -> None:
        """Forget this thread's connection, so that the next read opens another."""
        connection: sqlite3.Connection | None = self._local.__dict__.pop("connection", None)
        if connection is not None:
            self._connections.discard(connection)
            connection.close()
