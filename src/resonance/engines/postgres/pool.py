"""Connections to the server, transactions on them, and what their failures mean."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
import structlog

from resonance.config.settings import StoreConfig
from resonance.domain.errors import Code, ServiceError
from resonance.engines.postgres.tx import PostgresTx
from resonance.observe import metrics
from resonance.ports.store import MAX_TRANSACTION_MS

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]

log = structlog.get_logger(__name__)

T = TypeVar("T")
Work = Callable[[PostgresTx], Coroutine[Any, Any, T]]

CLOCK = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
"""The server's time in ms UTC, as an expression."""
_NOW = f"SELECT {CLOCK}"
QUEUE_LIMIT = 8_192
"""Transactions that may wait for a connection or run; further ones are refused as BUSY."""
ATTEMPTS = 30
BACKOFF_S = 0.002
BACKOFF_MOST_S = 0.1
"""How often, and after which random waits, a transaction that lost against another one is tried again."""


class Isolation(StrEnum):
    """How much of other transactions one sees (PostgreSQL 13.2)."""

    SNAPSHOT = "repeatable_read"
    """For reads: one snapshot."""
    SERIAL = "serializable"
    """For commands that read and then write: as if they ran alone; one of two that did not is tried again."""
    LOCKED = "read_committed"
    """For commands that begin by locking the rows that they depend on: each statement sees what is there now."""


_AGAIN = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.UniqueViolationError,  # somebody made the row between our look and our insert: look again
)
_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.QueryCanceledError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)


class Connections:
    """A pool and the transactions on it. Lifecycle: `start`, `close` (stop accepting), `join` (drain), `terminate`."""

    def __init__(self, config: StoreConfig) -> None:
        self._config = config
        self._pool: Pool | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._accepting = False
        # The newest time given to a transaction: the clock of a store never runs backwards.
        self._newest = 0

    async def start(self) -> None:
        """Connect. Raises ServiceError STORAGE_UNAVAILABLE when the server cannot be reached."""
        config = self._config
        try:
            self._pool = await asyncpg.create_pool(
                dsn(config),
                min_size=1,
                max_size=config.connections,
                timeout=config.timeout,
                command_timeout=config.timeout,
                server_settings={
                    "application_name": "resonance",
                    "statement_timeout": str(MAX_TRANSACTION_MS),
                    "lock_timeout": str(MAX_TRANSACTION_MS),
                    "idle_in_transaction_session_timeout": str(MAX_TRANSACTION_MS),
                },
            )
        except (*_AWAY, asyncpg.PostgresError) as error:
            raise unavailable(error) from error
        self._accepting = True

    def close(self) -> None:
        """Stop accepting."""
        self._accepting = False

    async def join(self) -> None:
        """Wait for the transactions under way and disconnect."""
        if self._running:
            await asyncio.wait(self._running)
        if self._pool is not None:
            await self._pool.close()

    def terminate(self) -> None:
        """Break every connection; what was not committed is undone by the server."""
        self._accepting = False
        if self._pool is not None:
            self._pool.terminate()

    # ------------------------------------------------------------ transactions

    async def transact(self, isolation: Isolation, work: Work[T], locks: Work[None] | None = None) -> T:
        """Run work in a transaction, again where another one was in the way; durable when this returns.

        A caller that goes away leaves the transaction to end by itself: cancelling inside one would break its
        connection.

        Raises:
            ServiceError: what the work raises; BUSY when too many wait or it lost too often; UNAVAILABLE when stopped
                or when the outcome of a commit is unknown; STORAGE_UNAVAILABLE when nothing was written.
        """
        if not self._accepting:
            raise ServiceError(Code.UNAVAILABLE, "the store is closed")
        if len(self._running) >= QUEUE_LIMIT:
            raise ServiceError(Code.BUSY, f"{len(self._running)} commands wait for the store", retry_after_ms=100)
        task = asyncio.create_task(self._until_done(isolation, work, locks))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """Forget a transaction; what it failed with is of no use to a caller that went away."""
        self._running.discard(task)
        if not task.cancelled():
            task.exception()

    async def _until_done(self, isolation: Isolation, work: Work[T], locks: Work[None] | None) -> T:
        for attempt in range(ATTEMPTS):
            try:
                return await self._once(isolation, work, locks)
            except _AGAIN as error:
                metrics.repo_errors.labels(type(error).__name__).inc()
                await asyncio.sleep(random.uniform(0, min(BACKOFF_S * 2**attempt, BACKOFF_MOST_S)))
            except _AWAY as error:
                metrics.repo_errors.labels(type(error).__name__).inc()
                raise unavailable(error) from error
        raise ServiceError(Code.BUSY, "other transactions were in the way too often: send it again", retry_after_ms=100)

    async def _once(self, isolation: Isolation, work: Work[T], locks: Work[None] | None) -> T:
        assert self._pool is not None
        async with self._pool.acquire(timeout=self._config.timeout) as connection:
            begun = time.monotonic()
            transaction = connection.transaction(isolation=isolation.value, readonly=isolation is Isolation.SNAPSHOT)
            await transaction.start()
            try:
                tx = PostgresTx(connection, self.at_least(await connection.fetchval(_NOW)))
                if locks is not None:
                    await locks(tx)
                result = await work(tx)
                await tx.flush()
                if (time.monotonic() - begun) * 1000 > MAX_TRANSACTION_MS:
                    raise ServiceError(Code.STORAGE_UNAVAILABLE, "the transaction took longer than any may last")
            except BaseException:
                if not connection.is_closed():
                    await transaction.rollback()
                raise
            await self._commit(transaction, isolation)
            return result

    async def _commit(self, transaction: Any, isolation: Isolation) -> None:
        """Commit. What breaks while it does leaves the outcome unknown, and that is what the caller is told."""
        try:
            await transaction.commit()
        except _AWAY as error:
            if isolation is Isolation.SNAPSHOT:
                raise
            raise ServiceError(Code.DEADLINE, f"the store went away during a commit: {error}") from error

    def at_least(self, now: int) -> int:
        """Return the time of a transaction: the server's, but never before one that was given already."""
        self._newest = max(self._newest, now)
        return self._newest


def dsn(config: StoreConfig) -> str:
    """Return the server's address. Raises ServiceError INVALID_ARGUMENT when none is configured."""
    if config.url is None:
        raise ServiceError(
            Code.INVALID_ARGUMENT,
            "store.kind is postgres, and store.url is not set: postgresql://user:password@host:5432/database",
            field="store.url",
        )
    return config.url.get_secret_value()


def unavailable(error: BaseException) -> ServiceError:
    """Return what a caller is told of a failure: nothing was written, try again."""
    text = str(error) or type(error).__name__
    return ServiceError(Code.STORAGE_UNAVAILABLE, f"PostgreSQL cannot work now: {text}", retry_after_ms=1000)
