"""Hearing of commits of other processes: a connection that listens, and is opened again when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

from resonance.engines.postgres.tx import CHANNEL

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

log = structlog.get_logger(__name__)

RETRY_S = 1.0
_HEAD = "SELECT coalesce(max(position), 0) FROM outbox"


class Listener:
    """Calls `ring` with the outbox's newest position after every commit, whoever committed."""

    def __init__(self, dsn: str, ring: Callable[[int], None]) -> None:
        self._dsn = dsn
        self._ring = ring
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._run(), name="outbox listener")

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("the outbox listener lost its connection", error=str(error))
            except Exception:
                log.exception("the outbox listener failed; it begins anew")
            await asyncio.sleep(RETRY_S)

    async def _listen(self) -> None:
        """Listen until the connection is lost. What was committed before it listened is looked up once."""
        connection = await asyncpg.connect(self._dsn, server_settings={"application_name": "resonance listener"})
        lost = asyncio.get_running_loop().create_future()
        connection.add_termination_listener(lambda _: None if lost.done() else lost.set_result(None))
        try:
            await connection.add_listener(CHANNEL, self._heard)
            self._ring(await connection.fetchval(_HEAD))
            await lost
        finally:
            if not connection.is_closed():
                connection.terminate()

    def _heard(self, _connection: Any, _pid: int, _channel: str, position: object) -> None:
        self._ring(int(str(position)))
