"""What the application is told, and the bounded queue it comes by."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from resonance.domain.errors import ServiceError
from resonance.domain.model import Entry
from resonance.domain.signals import Signal
from resonance.protocol.actions import Merged, Offline, Online, Reset

Event = Entry | Signal | Online | Offline | Merged | Reset
"""An `Entry` is a message or system entry, the own ones included: each once, in order within its conversation. Signals
are ephemeral. `Merged` says that the mirror has changed, `Reset` that the server is another one or was restored."""


class EventQueue:
    """Events on their way to the application; one reader at a time.

    Overflow: from `capacity` on, `pause` is called and no more pushes are handed on (they are pulled later), until the
    reader has taken all but half; meanwhile only entries of pulls that were under way are added. Signals and notices
    that find the queue full are dropped, because they are no state.
    """

    def __init__(self, capacity: int, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self._items: deque[Event] = deque()
        self._capacity = capacity
        self._pause = pause
        self._resume = resume
        self._paused = False
        self._closed = False
        # Why the session ended; None when the application closed it.
        self._error: ServiceError | None = None
        self._changed = asyncio.Event()

    def put(self, event: Event) -> None:
        """Add an event."""
        if len(self._items) >= self._capacity and not isinstance(event, Entry | Reset):
            return
        self._items.append(event)
        self._changed.set()
        if len(self._items) >= self._capacity and not self._paused:
            self._paused = True
            self._pause()

    def close(self, error: ServiceError | None) -> None:
        """Let the reader come to its end after what is queued, by this error if there is one."""
        if not self._closed:
            self._closed, self._error = True, error
            self._changed.set()

    async def read(self) -> AsyncIterator[Event]:
        """Yield events until the session is over.

        Raises:
            ServiceError: why the server ended the session.
        """
        while True:
            while self._items:
                yield self._take()
            if self._closed:
                break
            self._changed.clear()
            await self._changed.wait()
        if self._error is not None:
            raise self._error

    def _take(self) -> Event:
        event = self._items.popleft()
        if self._paused and len(self._items) <= self._capacity // 2:
            self._paused = False
            self._resume()
        return event
