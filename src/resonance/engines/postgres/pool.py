"""Connections to the server, transactions on them, and what their failures mean."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg

from resonance.config.engines import StoreConfig
from resonance.domain.errors import Code, ServiceError
from resonance.engines.postgres.tx import PostgresTx
from resonance.engines.sql.transactions import Isolation, Meaning, Transactions, Work, check_time
from resonance.ports.store import MAX_TRANSACTION_MS, STALLED_TRANSACTION_MS

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]

T = TypeVar("T")

CLOCK = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
"""The server's time in ms UTC, as an expression."""
_NOW = f"SELECT {CLOCK}"
_LEVELS: dict[Isolation, Any] = {
    Isolation.SNAPSHOT: "repeatable_read",
    Isolation.SERIAL: "serializable",
    Isolation.LOCKED: "read_committed",
}
"""PostgreSQL 13.2."""
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


class Connections(Transactions[PostgresTx]):
    """A pool and the transactions on it. Lifecycle: `start`, `close` (stop accepting), `join` (drain), `terminate`."""

    server = "PostgreSQL"

    def __init__(self, config: StoreConfig) -> None:
        super().__init__()
        self._config = config
        self._pool: Pool | None = None

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
                    "idle_in_transaction_session_timeout": str(STALLED_TRANSACTION_MS),
                },
            )
        except (*_AWAY, asyncpg.PostgresError) as error:
            raise self.unavailable(error) from error
        self.accept()

    async def join(self) -> None:
        """Wait for the transactions under way and disconnect."""
        await self.drain()
        if self._pool is not None:
            await self._pool.close()

    def terminate(self) -> None:
        """Break every connection; what was not committed is undone by the server."""
        self.close()
        if self._pool is not None:
            self._pool.terminate()

    def meaning(self, error: Exception) -> Meaning:
        if isinstance(error, _AGAIN):
            return Meaning.LOST
        return Meaning.AWAY if isinstance(error, _AWAY) else Meaning.WRONG

    async def _once(self, isolation: Isolation, work: Work[PostgresTx, T], locks: Work[PostgresTx, None] | None) -> T:
        assert self._pool is not None
        async with self._pool.acquire(timeout=self._config.timeout) as connection:
            begun = time.monotonic()
            transaction = connection.transaction(isolation=_LEVELS[isolation], readonly=isolation is Isolation.SNAPSHOT)
            await transaction.start()
            try:
                tx = PostgresTx(connection, self.at_least(await connection.fetchval(_NOW)))
                if locks is not None:
                    await locks(tx)
                result = await work(tx)
                await tx.flush()
                check_time(begun)
            except BaseException:
                if not connection.is_closed():
                    await transaction.rollback()
                raise
            try:
                await transaction.commit()
            except Exception as error:
                self.check_known(isolation, error)
                raise
            return result


def dsn(config: StoreConfig) -> str:
    """Return the server's address. Raises ServiceError INVALID_ARGUMENT when none is configured."""
    if config.url is None:
        raise ServiceError(
            Code.INVALID_ARGUMENT,
            "store.kind is postgres, and store.url is not set: postgresql://user:password@host:5432/database",
            field="store.url",
        )
    return config.url.get_secret_value()
