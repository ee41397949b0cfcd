"""The bounded queue of frames that wait for one direction of a link."""

from __future__ import annotations

import asyncio
from collections import deque

DEFAULT_LIMIT = 64 * 1024 * 1024
"""Bytes that may wait for one link; above it the other side is too slow, and the link is ended."""


class Outgoing:
    """Frames as bytes, in order. Putting never blocks; over its limit everything is dropped and the queue ends.

    Attributes:
        overflown: whether the queue ended because it was over its limit.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.overflown = False
        self._limit = limit
        self._frames: deque[bytes] = deque()
        self._size = 0  # bytes in `_frames`
        self._ended = False  # nothing may be put any more; what is there still goes out
        self._changed = asyncio.Event()

    def put(self, frame: bytes) -> None:
        """Append a frame; after the end it goes nowhere."""
        if self._ended:
            return
        self._frames.append(frame)
        self._size += len(frame)
        if self._size > self._limit:
            self.overflown = True
            self._frames.clear()
            self._ended = True
        self._changed.set()

    def finish(self) -> None:
        """End the queue behind the frames that wait now. Idempotent."""
        self._ended = True
        self._changed.set()

    async def next(self) -> bytes | None:
        """Return the next frame, waiting for it; None at the end."""
        while not self._frames:
            if self._ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        frame = self._frames.popleft()
        self._size -= len(frame)
        return frame
