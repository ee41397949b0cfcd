"""The store on MySQL and MariaDB. Any number of processes may use one database at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ParamSpec, TypeVar

import structlog
from asyncmy import Connection
from asyncmy.errors import MySQLError

from resonance.config.engines import StoreConfig
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import AppendOutcome, NewEntry
from resonance.engines.mysql.address import Server, open_connection, parameters, server_of, session
from resonance.engines.mysql.append import append
from resonance.engines.mysql.migrate import migrate
from resonance.engines.mysql.pool import Connections
from resonance.engines.mysql.tx import PACKET, MySqlTx
from resonance.engines.mysql.watcher import Watcher, outbox_head
from resonance.engines.sql.bell import Bell
from resonance.engines.sql.locks import lock_of
from resonance.engines.sql.store import Command, SqlStore
from resonance.engines.sql.transactions import Isolation

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_SETTINGS = """
    SELECT @@innodb_flush_log_at_trx_commit AS flush, @@innodb_doublewrite AS doublewrite, @@log_bin AS log_bin,
        @@sync_binlog AS sync_binlog, @@max_allowed_packet AS packet
"""
_PACKET = 8 * PACKET
"""Bytes that the server has to take at once: a full packet of ours, and a row that did not fit into it."""


class MySqlStore(SqlStore):
    """A store in one database. Lifecycle: `start`, `close` (stop accepting), `join` (drain), `terminate`."""

    def __init__(self, config: StoreConfig) -> None:
        parameters(config)
        self._config = config
        self._bell = Bell()
        self._connections = Connections(config, self._bell.ring)
        self._watcher = Watcher(self._bell, self._head)

    async def start(self) -> None:
        """Bring the tables up to date, and begin to serve.

        Raises:
            ServiceError: STORAGE_UNAVAILABLE when the server cannot be reached, is too old, or refuses us.
        """
        try:
            connection = await open_connection(self._config)
            try:
                server = server_of(connection)
                await _check_settings(connection, server, self._config)
                await migrate(connection, server)
            finally:
                await connection.ensure_closed()
            await self._connections.start(server)
        except (OSError, TimeoutError, MySQLError) as error:
            raise self._connections.unavailable(error) from error
        self._watcher.start()

    def close(self) -> None:
        """Stop accepting commands; those under way go on."""
        self._connections.close()
        self._bell.silence()

    async def join(self) -> None:
        """Wait until everything accepted is done, and disconnect. Call `close` before."""
        await self._watcher.close()
        await self._connections.join()

    def terminate(self) -> None:
        """Break every connection. `join` still has to be awaited."""
        self._connections.terminate()
        self._bell.silence()

    # ------------------------------------------------------------ transactions

    async def _read(self, command: Command[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._connections.transact(Isolation.SNAPSHOT, lambda tx: command(tx, *args, **kwargs))

    async def _write(self, command: Command[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        lock = lock_of(command, *args, **kwargs)
        isolation = Isolation.SERIAL if lock is None else Isolation.LOCKED
        return await self._connections.transact(isolation, lambda tx: command(tx, *args, **kwargs), lock)

    async def _write_later(self, command: Command[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._write(command, *args, **kwargs)

    @property
    def _tombstones_ms(self) -> int:
        return int(self._config.tombstones * 1000)

    async def _grown(self, position: int, timeout_s: float) -> bool:
        return await self._bell.wait_beyond(position, timeout_s)

    async def _head(self) -> int:
        return await self._read(outbox_head)

    async def continue_after(self, position: int) -> None:
        await self._connections.transact(
            Isolation.LOCKED,
            lambda tx: tx.run("UPDATE meta SET value = :position WHERE name = 'outbox'", position=position),
        )

    # ------------------------------------------------------------ commands in a way of their own

    async def append(self, entries: Sequence[NewEntry]) -> AppendOutcome:
        tries = 0

        async def work(tx: MySqlTx) -> AppendOutcome:
            nonlocal tries
            tries += 1
            return await append(tx, entries, careful=tries > 1)

        return await self._connections.transact(Isolation.LOCKED, work)


async def _check_settings(connection: Connection, server: Server, config: StoreConfig) -> None:
    """Make the connection ours, and look how the server is set up: it may be to lose what it acknowledged.

    Raises:
        ServiceError: STORAGE_UNAVAILABLE when it takes packets that are too small.
    """
    tx = MySqlTx(connection, config.timeout)
    await tx.script([session(server, config, limited=False)])
    [row] = await tx.all(_SETTINGS)
    if row["packet"] < _PACKET:
        raise ServiceError(
            Code.STORAGE_UNAVAILABLE,
            f"{server.name}'s max_allowed_packet is {row['packet']}; at least {_PACKET} is needed",
        )
    wrong = {
        "innodb_flush_log_at_trx_commit": row["flush"] if row["flush"] != 1 else None,
        "sync_binlog": row["sync_binlog"] if row["log_bin"] and row["sync_binlog"] != 1 else None,
        "innodb_doublewrite": row["doublewrite"] if str(row["doublewrite"]) in ("0", "OFF") else None,
    }
    for name, value in wrong.items():
        if value is not None:
            log.warning("a power cut can lose acked messages", setting=f"{server.name}'s {name} is {value}, not 1")
