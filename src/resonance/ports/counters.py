"""Counters of attempts: how often something was tried under one key, in a window that begins with the first of them.

A table may be one process's own, or shared by several. No call fails because a shared one cannot be reached: then each
process counts by itself until it can.
"""

from __future__ import annotations

from abc import ABC, abstractmethod


class Counters(ABC):
    """Attempts by kind and key, bounded: a key nobody has tried for its window takes no room."""

    @abstractmethod
    async def enter(self, kind: str, key: str, limit: int, window_ms: int) -> int:
        """Count one attempt, atomically, unless the window is full.

        Args:
            limit: attempts in one window; it may be another one each time.
            window_ms: the length of the window that begins with this attempt, if none has begun.

        Returns:
            0, or the ms until the window ends when it is full; then nothing was counted.
        """

    @abstractmethod
    async def take_back(self, kind: str, key: str) -> None:
        """Uncount one attempt, if any is counted; the window stays as it is."""

    @abstractmethod
    async def reset(self, kind: str, key: str) -> None:
        """Forget all attempts of a key."""
