"""Connections to the database file, and a transaction on one as commands see it."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from resonance.domain.errors import Code, ServiceError
from resonance.engines.sql.tx import Row, Tx

CACHE_KIB = 65_536
"""Page cache of the writer's connection."""
READER_CACHE_KIB = 16_384
"""Page cache of each reader's connection."""
BUSY_TIMEOUT_S = 1.0
"""How long a statement waits for a lock that somebody outside holds before it is refused."""

_EVENT = "INSERT INTO outbox (key, kind, payload, created_at) VALUES (?, ?, ?, ?)"
_ENGINE_FAILURES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
"""Primary result codes that say something of the machine and nothing of the statement (sqlite.org/rescode.html)."""


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection without implicit transactions, whose rows are known by name."""
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def connect_writer(path: Path, synchronous: str) -> sqlite3.Connection:
    """Return the one connection that writes. Checkpoints are left to `Checkpointer`."""
    connection = connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """Return a connection that refuses to write."""
    connection = connect(path)
    connection.execute("PRAGMA query_only = ON")
    connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
    return connection


def is_engine_failure(error: BaseException) -> bool:
    """Say whether the machine failed (disk full, locked, I/O error), and not the statement."""
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _ENGINE_FAILURES


def unavailable(error: BaseException) -> ServiceError:
    """Return what a caller is told of an engine's failure: nothing was written, try again."""
    return ServiceError(Code.STORAGE_UNAVAILABLE, f"the store cannot work now: {error}", retry_after_ms=1000)


class SqliteTx(Tx):
    """A transaction on one connection. Its coroutines never suspend.

    Attributes:
        outbox_head: the outbox's newest position, where the last command to write knows it; else None.
    """

    def __init__(self, connection: sqlite3.Connection, now: int) -> None:
        self.connection = connection
        self.now = now
        self.outbox_head: int | None = None

    async def one(self, sql: str, **params: object) -> Row | None:
        return cast("Row | None", self.connection.execute(sql, params).fetchone())

    async def all(self, sql: str, **params: object) -> list[Row]:
        return cast("list[Row]", self.connection.execute(sql, params).fetchall())

    async def run(self, sql: str, **params: object) -> int:
        self.outbox_head = None
        return self.connection.execute(sql, params).rowcount

    async def many(self, sql: str, rows: Iterable[Mapping[str, object]]) -> None:
        self.outbox_head = None
        self.connection.executemany(sql, cast("Iterable[Any]", rows))

    async def emit(self, key: str, kind: str, payload: bytes) -> None:
        row = (key, kind, payload, self.now)
        self.outbox_head = self.connection.execute(_EVENT, row).lastrowid


def wall_ms() -> int:
    """Return the machine's time in ms UTC."""
    return time.time_ns() // 1_000_000


class Clock:
    """The store's clock: the wall clock in ms, but never backwards. Thread-safe."""

    def __init__(self, at_least: int = 0) -> None:
        self._last = at_least
        self._lock = threading.Lock()

    def now(self) -> int:
        """Return ms UTC."""
        with self._lock:
            self._last = max(self._last, wall_ms())
            return self._last
