"""Connections to the server, transactions on them, and what their failures mean."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar
from weakref import WeakSet

from asyncmy import Connection, Pool, create_pool
from asyncmy.errors import InterfaceError, InternalError, MySQLError

from resonance.config.engines import StoreConfig
from resonance.domain.errors import Code, ServiceError
from resonance.engines.mysql.address import Server, parameters, session
from resonance.engines.mysql.tx import MySqlTx
from resonance.engines.sql.transactions import Isolation, Meaning, Transactions, Work, check_time
from resonance.ports.store import MAX_TRANSACTION_MS

T = TypeVar("T")

CLOCK = "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)"
"""The server's time in ms UTC, as an expression."""
_NOW = f"SELECT {CLOCK} AS now"
_BEGIN = {
    Isolation.SNAPSHOT: ("REPEATABLE READ", "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"),
    Isolation.SERIAL: ("SERIALIZABLE", "START TRANSACTION"),
    Isolation.LOCKED: ("READ COMMITTED", "START TRANSACTION"),
}
RECYCLE_S = MAX_TRANSACTION_MS // 2000
"""A connection that was idle for longer is opened anew: the server closes it at twice that."""

_AGAIN = {
    1020,  # a row changed since the snapshot was taken (MariaDB's innodb_snapshot_isolation)
    1062,  # a duplicate key: somebody made the row between our look and our insert: look again
    1205,  # waited too long for a row
    1213,  # deadlock
}
_AWAY = {
    *(1021, 1030, 1114, 1180),  # disk full, engine error, table full, error during commit
    *(1040, 1041, 1053, 1077, 1129, 1203, 1226),  # too many connections, no memory, going down, blocked, limits
    *(1044, 1045, 1049, 1130, 1142, 1698),  # no access, no such database
    *(1158, 1159, 1160, 1161, 1184),  # network
    *(1290, 1792, 1836),  # read only
    *(1317, 1927, 1969, 3024, 4031),  # interrupted, killed, took too long, silent for too long
}
_CLIENT = range(2000, 3000)
"""Codes of the driver itself: it cannot connect, or lost its connection."""


class Connections(Transactions[MySqlTx]):
    """A pool and the transactions on it. Lifecycle: `start`, `close` (stop accepting), `join` (drain), `terminate`."""

    def __init__(self, config: StoreConfig, committed: Callable[[int], None]) -> None:
        super().__init__()
        self.server = "MySQL"
        self._boot = ""
        self._config = config
        self._committed = committed
        self._pool: Pool | None = None
        # Connections that have written events.
        self._known: WeakSet[Connection] = WeakSet()

    async def start(self, server: Server) -> None:
        """Connect; raises what the driver raises."""
        self.server = server.name
        self._boot = server.boot
        self._pool = await create_pool(
            minsize=1,
            maxsize=self._config.connections,
            pool_recycle=RECYCLE_S,
            init_command=session(server, self._config),
            **parameters(self._config),
        )
        self.accept()

    async def join(self) -> None:
        """Wait for the transactions under way and disconnect."""
        await self.drain()
        if self._pool is not None:
            self._pool.close()
            await self._pool.wait_closed()

    def terminate(self) -> None:
        """Break every connection; what was not committed is undone by the server."""
        self.close()
        if self._pool is not None:
            self._pool.terminate()

    def meaning(self, error: Exception) -> Meaning:
        if not isinstance(error, MySQLError):
            return Meaning.AWAY if isinstance(error, OSError | TimeoutError) else Meaning.WRONG
        code = _code(error)
        if code in _AGAIN:
            return Meaning.LOST
        gone = isinstance(error, InterfaceError | InternalError) or code in _AWAY or code in _CLIENT
        return Meaning.AWAY if gone else Meaning.WRONG

    def reason(self, error: Exception) -> str:
        return f"error_{_code(error)}" if isinstance(error, MySQLError) else super().reason(error)

    def words(self, error: Exception) -> str:
        if isinstance(error, MySQLError) and (code := _code(error)):
            return f"{error.args[-1]} ({code})"
        return super().words(error)

    async def _once(self, isolation: Isolation, work: Work[MySqlTx, T], locks: Work[MySqlTx, None] | None) -> T:
        async with self._connection() as connection:
            begun = time.monotonic()
            tx = MySqlTx(connection, self._config.timeout, "" if connection in self._known else self._boot)
            level, start = _BEGIN[isolation]
            try:
                [row] = await tx.fetch(f"SET TRANSACTION ISOLATION LEVEL {level}", start, _NOW)
                tx.now = self.at_least(row["now"])
                if locks is not None:
                    await locks(tx)
                result = await work(tx)
                await tx.flush()
                check_time(begun)
            except BaseException:
                await _roll_back(tx, connection)
                raise
            try:
                await tx.script(["COMMIT"])
            except Exception as error:
                connection.close()
                self.check_known(isolation, error)
                raise
            if tx.outbox_head:
                self._known.add(connection)
                self._committed(tx.outbox_head)
            return result

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        """Take a connection out of the pool for a while."""
        pool = self._pool
        assert pool is not None
        try:
            async with asyncio.timeout(self._config.timeout):
                connection = await pool.acquire()
        except RuntimeError as error:  # what the pool raises once it is closed
            raise ServiceError(Code.UNAVAILABLE, "the store is closed") from error
        try:
            yield connection
        finally:
            pool.release(connection)


def _code(error: MySQLError) -> int:
    """Return the server's or the driver's number of a failure; 0 for the few that have none."""
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0


async def _roll_back(tx: MySqlTx, connection: Connection) -> None:
    """Undo a transaction; where that cannot be said to the server, by closing its connection."""
    if not connection.connected:
        return
    try:
        await tx.script(["ROLLBACK"])
    except (MySQLError, OSError, TimeoutError):
        connection.close()
