"""Hearing of commits of other processes: MySQL tells nobody, so it is asked while somebody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from resonance.domain.errors import ServiceError
from resonance.engines.sql.bell import Bell
from resonance.engines.sql.tx import Tx

log = structlog.get_logger(__name__)

POLL_S = 0.05
"""How late an event of another process may be noticed; those of this one are at once."""
RETRY_S = 1.0


async def outbox_head(tx: Tx) -> int:
    """Return the position of the newest event."""
    row = await tx.one("SELECT value FROM meta WHERE name = 'outbox'")
    assert row is not None, "the migration wrote it"
    return int(row["value"])


class Watcher:
    """Rings the bell with the outbox's newest position, whoever committed."""

    def __init__(self, bell: Bell, head: Callable[[], Awaitable[int]]) -> None:
        self._bell = bell
        self._head = head
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._task = asyncio.create_task(self._run(), name="outbox watcher")

    async def close(self) -> None:
        """Stop watching."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                if self._bell.awaited:
                    self._bell.ring(await self._head())
            except ServiceError as error:
                log.warning("the outbox watcher cannot look", error=str(error))
                await asyncio.sleep(RETRY_S)
            except Exception:
                log.exception("the outbox watcher failed; it goes on")
                await asyncio.sleep(RETRY_S)
            await asyncio.sleep(POLL_S)
