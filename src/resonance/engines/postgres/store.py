"""The store on PostgreSQL. Any number of processes may use one database at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import asyncpg
import structlog

from resonance.config.settings import StoreConfig
from resonance.domain.model import AppendOutcome, NewEntry
from resonance.engines.postgres.append import append
from resonance.engines.postgres.listener import Listener
from resonance.engines.postgres.migrate import migrate
from resonance.engines.postgres.pool import Connections, Isolation, Work, dsn, unavailable
from resonance.engines.postgres.tx import PostgresTx
from resonance.engines.sql import conversations, entries, groups, house
from resonance.engines.sql.bell import Bell
from resonance.engines.sql.store import Command, SqlStore

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_LOCK_CONVERSATION = "SELECT FROM conversations WHERE id = $1 FOR UPDATE"
_LOCK_MEMBER = "SELECT FROM members WHERE conversation_id = $1 AND user_id = $2 FOR UPDATE"


def _conversation(at: Callable[..., str]) -> Callable[..., Work[None]]:
    """Return what locks the conversation that a command's arguments name."""

    def of(*args: Any) -> Work[None]:
        async def lock(tx: PostgresTx) -> None:
            await tx.connection.execute(_LOCK_CONVERSATION, at(*args))

        return lock

    return of


def _own_member(user_id: str, conversation_id: str, *_: Any) -> Work[None]:
    async def lock(tx: PostgresTx) -> None:
        await tx.connection.execute(_LOCK_MEMBER, conversation_id, user_id)

    return lock


def _worker_ids(*_: Any) -> Work[None]:
    async def lock(tx: PostgresTx) -> None:
        await tx.connection.execute("LOCK TABLE workers IN EXCLUSIVE MODE")

    return lock


_LOCKS: dict[Callable[..., Any], Callable[..., Work[None]]] = {
    groups.change_group: _conversation(lambda change: change.conversation_id),
    groups.request_join: _conversation(lambda conversation_id, *_: conversation_id),
    groups.reject_join: _conversation(lambda conversation_id, *_: conversation_id),
    conversations.set_member: _own_member,
    entries.mark_read: _own_member,
    house.lease_worker: _worker_ids,
}
"""Commands that meet others on the same rows all the time: they lock first what they depend on, where the rest, which
meet rarely, are serialised by the server and tried again."""


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
            raise unavailable(error) from error
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
        lock = _LOCKS.get(command)
        if lock is None:
            return await self._connections.transact(Isolation.SERIAL, lambda tx: command(tx, *args, **kwargs))
        return await self._connections.transact(
            Isolation.LOCKED, lambda tx: command(tx, *args, **kwargs), lock(*args, **kwargs)
        )

    async def _write_later(self, command: Command[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._write(command, *args, **kwargs)

    @property
    def _tombstones_ms(self) -> int:
        return int(self._config.tombstones * 1000)

    async def _grown(self, position: int, timeout_s: float) -> bool:
        return await self._bell.wait_beyond(position, timeout_s)

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
