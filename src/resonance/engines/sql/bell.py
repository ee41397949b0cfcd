"""Waiting for the outbox to grow, without polling."""

from __future__ import annotations

import asyncio


class Bell:
    """Rung on the event loop after every commit with the outbox's newest position."""

    def __init__(self) -> None:
        self._head = 0
        self._silent = False
        # Those who wait, each for a position beyond its own.
        self._waiting: dict[asyncio.Future[None], int] = {}

    def ring(self, head: int) -> None:
        """Wake everybody who waits for what is there now."""
        self._head = head
        for future, position in list(self._waiting.items()):
            if head > position and not future.done():
                future.set_result(None)

    @property
    def awaited(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting)

    def silence(self) -> None:
        """Let everybody go who waits, now and later: nothing will come any more."""
        self._silent = True
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def wait_beyond(self, position: int, timeout_s: float) -> bool:
        """Wait until the outbox has an event after `position`; return whether it has one."""
        if self._head <= position and not self._silent:
            future = asyncio.get_running_loop().create_future()
            self._waiting[future] = position
            try:
                await asyncio.wait([future], timeout=timeout_s)
            finally:
                del self._waiting[future]
            # Whoever looked before that commit may ring with an older position after it.
            if future.done() and not self._silent:
                return True
        return self._head > position
