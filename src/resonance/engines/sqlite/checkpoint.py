"""Checkpoints beside the commits: a thread that moves the write-ahead log into the database file.

A PASSIVE checkpoint waits for nobody and makes nobody wait. The log starts over by itself when one has caught up; under
a load that never pauses none does, and the writer is asked to truncate it once it is over its limit.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from resonance.engines.sqlite.connection import connect_writer
from resonance.observe import metrics

log = structlog.get_logger(__name__)

INTERVAL_S = 1.0
"""At most this long after a commit a checkpoint begins."""


class Checkpointer:
    """Owns a connection and a thread. Lifecycle: `start`, `close`, `join`."""

    def __init__(self, path: Path, synchronous: str, limit: int, overflowing: Callable[[], None]) -> None:
        """Prepare a checkpointer.

        Args:
            limit: bytes of log beyond which `overflowing` is called (on this thread).
        """
        self._path = path
        self._wal = path.with_name(path.name + "-wal")
        self._synchronous = synchronous
        self._limit = limit
        self._overflowing = overflowing
        self._wake = threading.Condition()
        # Whether something was committed that no checkpoint has seen.
        self._dirty = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="store-checkpoint", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def committed(self) -> None:
        """Take note of a commit; called on the writer's thread."""
        if not self._dirty:
            with self._wake:
                self._dirty = True
                self._wake.notify()

    def close(self) -> None:
        """Ask the thread to end; what is not checkpointed then stays in the log, which is as durable."""
        with self._wake:
            self._closed = True
            self._wake.notify()

    def join(self) -> None:
        """Wait for the thread's end. Call `close` before."""
        self._thread.join()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while self._wait():
            try:
                connection = connection or connect_writer(self._path, self._synchronous)
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            except sqlite3.Error as error:
                metrics.repo_errors.labels("checkpoint").inc()
                log.error("checkpoint failed", error=str(error))
                if connection is not None:
                    connection.close()
                    connection = None
            self._measure()
        if connection is not None:
            connection.close()

    def _wait(self) -> bool:
        """Wait for a commit and then for the interval; return False when closed."""
        with self._wake:
            self._wake.wait_for(lambda: self._dirty or self._closed)
            self._wake.wait_for(lambda: self._closed, INTERVAL_S)
            self._dirty = False
            return not self._closed

    def _measure(self) -> None:
        """Look at the log's size."""
        size = self._wal.stat().st_size if self._wal.exists() else 0
        metrics.repo_wal_bytes.set(size)
        if size > self._limit:
            self._overflowing()
