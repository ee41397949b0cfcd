"""What one process at a time does: it is begun once its lease is had, and ended before that runs out."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from resonance.domain.errors import ServiceError
from resonance.ports.store import Store

log = structlog.get_logger(__name__)

SAFE = 0.8
"""The share of a lease after which its owner no longer trusts in it."""
TRIES = 5
"""How often within a lease's time it is renewed, and those who stand by ask for it."""
GIVE_BACK_S = 1.0


class Work(Protocol):
    """What may be begun and ended."""

    def start(self) -> None:
        """Begin."""

    async def close(self) -> None:
        """End."""


class Leader:
    """Works while it has a lease of the store, and stands by while another process has it.

    When that one dies, this one works after at most `ttl_s` and a fifth of it; when it stops, after a fifth.
    A process that was frozen ends its work as soon as it goes on; until then both may work, so whatever the work
    records has to be true whoever records it.

    Args:
        name: what the lease is of.
        owner: unique among processes, but for one that is started again and shall go on at once.
        work: makes the work anew each time.
    """

    def __init__(self, store: Store, name: str, owner: str, ttl_s: float, work: Callable[[], Work]) -> None:
        self._store = store
        self._name = name
        self._owner = owner
        self._ttl_s = ttl_s
        self._make = work
        self._work: Work | None = None
        # until when the lease is trusted in, on the monotonic clock
        self._fence = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to ask for the lease."""
        self._task = asyncio.create_task(self._run(), name=f"leader {self._name}")

    async def close(self) -> None:
        """End the work, and give the lease back so that another process works at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._work is not None:
            await self._end()
            with contextlib.suppress(ServiceError, TimeoutError):  # else it runs out
                async with asyncio.timeout(GIVE_BACK_S):
                    await self._store.lease(self._name, self._owner, 0)

    async def _run(self) -> None:
        while True:
            await self._ask()
            try:
                await self._change()
            except Exception:  # without this task the work would be done by nobody, or by two
                log.exception("work could not be begun or ended; it is tried again", work=self._name)
            left = self._fence - time.monotonic()
            pause = self._ttl_s / TRIES
            await asyncio.sleep(min(pause, max(0.0, left)) if self._work is not None else pause)

    async def _change(self) -> None:
        """Begin the work, or end it, as the lease says."""
        left = self._fence - time.monotonic()
        if left > 0 and self._work is None:
            log.info("works alone", work=self._name)
            work = self._make()
            work.start()
            self._work = work
        elif left <= 0 and self._work is not None:
            log.warning("another process may work now", work=self._name)
            await self._end()

    async def _ask(self) -> None:
        """Ask for the lease, or renew it, for no longer than it is good."""
        asked = time.monotonic()
        limit = self._ttl_s / 2 if self._work is None else max(0.0, self._fence - asked)
        try:
            async with asyncio.timeout(limit):
                had = await self._store.lease(self._name, self._owner, int(self._ttl_s * 1000))
        except (ServiceError, TimeoutError) as exc:
            log.debug("no answer about a lease", work=self._name, error=str(exc))
            return
        except Exception:
            log.exception("a lease could not be asked for", work=self._name)
            return
        self._fence = asked + self._ttl_s * SAFE if had else 0.0

    async def _end(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            await work.close()
