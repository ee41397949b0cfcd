"""The store on PostgreSQL. Any number of processes may use one database at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ParamSpec, TypeVar

import asyncpg
import structlog

from resonance.config.engines import StoreConfig
from resonance.domain.model import AppendOutcome, NewEntry
from resonance.engines.postgres.append import append
from resonance.engines.postgres.listener import Listener
from resonance.engines.postgres.migrate import migrate
from resonance.engines.postgres.pool import Connections, dsn
from resonance.engines.postgres.tx import PostgresTx
from resonance.engines.sql.bell import Bell
from resonance.engines.sql.locks import lock_of
from resonance.engines.sql.store import Command, SqlStore
from resonance.engines.sql.transactions import Isolation

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class PostgresStore(SqlStore):
    """A store in one database. Lifecycle: `start`, `close` (stop accepting), `join` (drain), `terminate`."""

    def __init__(self, config: StoreConfig) -> None:
        self._config = config
        self._connections = Connections(config)
        self._bell = Bell()
        self._listener = Listener(dsn(config), self._bell.ring)

    async def start(self) -> None:
        """Bring the tables up to date, and begin to serve.

        Raises:
            ServiceError: STORAGE_UNAVAILABLE when the server cannot be reached, or refuses us.
        """
        try:
            connection = await asyncpg.connect(dsn(self._config), timeout=self._config.timeout)
            try:
                await migrate(connection)
                await _warn_of_losses(connection)
            finally:
                await connection.close()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise self._connections.unavailable(error) from error
        await self._connections.start()
        self._listener.start()

    def close(self) -> None:
        """Stop accepting commands; those under way go on."""
        self._connections.close()
        self._bell.silence()

    async def join(self) -> None:
        """Wait until everything accepted is done, and disconnect. Call `close` before."""
        await self._listener.close()
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

    async def continue_after(self, position: int) -> None:
        if position:
            await self._connections.transact(
                Isolation.LOCKED,
                lambda tx: tx.one("SELECT setval('outbox_position_seq', :position)", position=position),
            )

    # ------------------------------------------------------------ commands in a way of their own

    async def append(self, entries: Sequence[NewEntry]) -> AppendOutcome:
        tries = 0

        async def work(tx: PostgresTx) -> AppendOutcome:
            nonlocal tries
            tries += 1
            return await append(tx, entries, careful=tries > 1)

        return await self._connections.transact(Isolation.LOCKED, work)


async def _warn_of_losses(connection: Any) -> None:
    """Say when the server is set up to lose what it acknowledged."""
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        if await connection.fetchval(f"SHOW {name}") == "off":
            log.warning("a power cut can lose acked messages", setting=f"PostgreSQL's {name} is off")
