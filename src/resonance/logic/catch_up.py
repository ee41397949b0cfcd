"""Repeating what a gateway missed, beside its link: that may take longer than anybody waits for an ack."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from resonance.domain.errors import ServiceError

log = structlog.get_logger(__name__)

WAITING_MOST = 64
"""Repetitions that may wait on one link: two for each logic that was lost, so more are asked for by mistake only."""


class Recovery(Protocol):
    """What a session needs of delivery to bring a gateway up to date."""

    position: int
    started: int

    async def replay(self, gateway: str, position: int, *, own: bool = False, signals: bool = True) -> bool:
        """Push again what was committed after a position; False when clients have to sync instead.

        Args:
            own: only what this logic has committed by itself.
            signals: whether clients have to sync when there were events that are no entries.
        """


class CatchUp:
    """The repetitions that one link has asked for, one after the other, in a task of its own until `end`.

    Args:
        failed: is told that a repetition failed, after which no other follows. Never raises.
    """

    def __init__(self, failed: Callable[[], None]) -> None:
        self._failed = failed
        self._waiting: deque[Callable[[], Awaitable[None]]] = deque()
        self._ended = False
        self._task: asyncio.Task[None] | None = None

    def put(self, repeat: Callable[[], Awaitable[None]]) -> bool:
        """Repeat something when what was asked for before is repeated; return False when too much waits."""
        if self._ended or len(self._waiting) >= WAITING_MOST:
            return self._ended
        self._waiting.append(repeat)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="catching up")
        return True

    def end(self) -> None:
        """Repeat nothing more: the link is lost, and the next one says what is lacking."""
        self._ended = True
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()

    async def join(self) -> None:
        """Wait, after `end`, until nothing runs any more."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._waiting.popleft()()
        except ServiceError as exc:
            log.warning("a gateway could not be brought up to date", error=str(exc))
            self._failed()
        except Exception:  # a gateway that is not told so would believe that it lacks nothing
            log.exception("a gateway could not be brought up to date")
            self._failed()
        finally:
            self._task = None
