"""Counters of attempts: how often something was tried under one key, in a window that begins with the first of them;
and buckets of tokens that several processes give from.

A table may be one process's own, or shared by several. No call fails because a shared one cannot be reached: then each
process counts by itself until it can.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping


class Counters(ABC):
    """Attempts by kind and key, bounded: a key nobody has tried for its window takes no room.

    Attributes:
        shared: whether other processes count in the same table.
    """

    shared: bool = False

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

    @abstractmethod
    async def spend(self, kind: str, given: Mapping[str, int], rate: float) -> dict[str, float]:
        """Take tokens that were given already out of buckets of `domain.limits.burst(rate)`, all at once.

        A bucket may come to owe, down to `domain.limits.DEEPEST` times what it holds, and pays that back at its rate.
        An answer that gets lost may have been counted or not: the tokens are not to be reported again.

        Args:
            given: tokens by key.
            rate: tokens per second that flow back; above 0, and it may be another one each time.

        Returns:
            the tokens that are missing now in each of these buckets, 0 when it is full; nothing while a shared table
            cannot be reached.
        """
