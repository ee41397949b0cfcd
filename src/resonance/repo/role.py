"""The repo role: owns the store, keeps house in it, and (as a process of its own) serves it to logic and task."""

from __future__ import annotations

import asyncio
import time

import structlog

from resonance.config.engines import StoreConfig
from resonance.domain.errors import ServiceError
from resonance.observe import metrics
from resonance.ports.store import Store

log = structlog.get_logger(__name__)

PRUNE_EVERY_S = 5.0
PRUNE_ROWS = 2_000
"""Rows deleted in one slice; a slice is short enough for messages not to notice."""


class RepoRole:
    """Housekeeping around a store that somebody else starts and stops."""

    def __init__(self, store: Store, settings: StoreConfig) -> None:
        self._store = store
        self._settings = settings
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to keep house."""
        self._task = asyncio.create_task(self._run(), name="housekeeping")

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(PRUNE_EVERY_S)
            try:
                await self._prune()
            except ServiceError as exc:
                log.warning("housekeeping postponed", error=str(exc))
            except Exception:
                log.exception("housekeeping failed; it goes on")

    async def _prune(self) -> None:
        """Delete what is old, slice by slice, giving way to others in between."""
        before = time.time_ns() // 1_000_000 - int(self._settings.tombstones * 1000)
        while deleted := await self._store.prune(self._settings.keep_events, before, PRUNE_ROWS):
            metrics.repo_pruned.inc(deleted)
            if deleted < PRUNE_ROWS:
                return
