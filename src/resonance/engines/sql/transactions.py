"""Transactions of many writers on one server: how many at once, tried again when they met, told when it is away.

What all engines with overlapping transactions share. An engine says what its driver's failures mean.
"""

from __future__ import annotations

import asyncio
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from enum import Enum, auto
from typing import Any, Generic, TypeVar

from resonance.domain.errors import Code, ServiceError
from resonance.engines.sql.tx import Tx
from resonance.observe import metrics
from resonance.ports.store import MAX_TRANSACTION_MS

T = TypeVar("T")
AnyTx = TypeVar("AnyTx", bound=Tx)
Work = Callable[[AnyTx], Coroutine[Any, Any, T]]
"""What is done in a transaction; it may be done again in another one."""

QUEUE_LIMIT = 8_192
"""Transactions that may wait for a connection or run; further ones are refused as BUSY."""
ATTEMPTS = 30
BACKOFF_S = 0.002
BACKOFF_MOST_S = 0.1
"""How often, and after which random waits, a transaction that lost against another one is tried again."""


class Isolation(Enum):
    """How much of other transactions one sees."""

    SNAPSHOT = auto()
    """For reads: one snapshot."""
    SERIAL = auto()
    """For commands that read and then write: as if they ran alone; one of two that did not is tried again."""
    LOCKED = auto()
    """For commands that begin by locking the rows that they depend on: each statement sees what is there now."""


class Meaning(Enum):
    """What a failure of the driver means."""

    LOST = auto()
    """Another transaction was in the way: try again."""
    AWAY = auto()
    """The server cannot work now."""
    WRONG = auto()
    """Something that should not happen."""


class Transactions(ABC, Generic[AnyTx]):
    """Runs work in transactions. Lifecycle: the engine's own `start` ends with `accept`; `close`, `drain`.

    Attributes:
        server: what callers are told is away.
    """

    server: str

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._accepting = False
        # The newest time given to a transaction: the clock of a store never runs backwards.
        self._newest = 0

    @abstractmethod
    async def _once(self, isolation: Isolation, work: Work[AnyTx, T], locks: Work[AnyTx, None] | None) -> T:
        """Run work in one transaction, after its locks; raises what the driver raises."""

    @abstractmethod
    def meaning(self, error: Exception) -> Meaning:
        """Say what a failure means."""

    def reason(self, error: Exception) -> str:
        """Return a short name of a failure, for metrics."""
        return type(error).__name__

    def words(self, error: Exception) -> str:
        """Return a failure in words."""
        return str(error) or type(error).__name__

    def accept(self) -> None:
        """Begin to accept."""
        self._accepting = True

    def close(self) -> None:
        """Stop accepting."""
        self._accepting = False

    async def drain(self) -> None:
        """Wait for the transactions under way."""
        if self._running:
            await asyncio.wait(self._running)

    async def transact(self, isolation: Isolation, work: Work[AnyTx, T], locks: Work[AnyTx, None] | None = None) -> T:
        """Run work in a transaction, again where another one was in the way; durable when this returns.

        A caller that goes away leaves the transaction to end by itself: cancelling inside one would break its
        connection.

        Raises:
            ServiceError: what the work raises; BUSY when too many wait or it lost too often; UNAVAILABLE when stopped;
                DEADLINE when the outcome of a commit is unknown; STORAGE_UNAVAILABLE when nothing was written.
        """
        if not self._accepting:
            raise ServiceError(Code.UNAVAILABLE, "the store is closed")
        if len(self._running) >= QUEUE_LIMIT:
            raise ServiceError(Code.BUSY, f"{len(self._running)} commands wait for the store", retry_after_ms=100)
        task = asyncio.create_task(self._until_done(isolation, work, locks))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """Forget a transaction; what it failed with is of no use to a caller that went away."""
        self._running.discard(task)
        if not task.cancelled():
            task.exception()

    async def _until_done(self, isolation: Isolation, work: Work[AnyTx, T], locks: Work[AnyTx, None] | None) -> T:
        begun = time.monotonic()
        for attempt in range(ATTEMPTS):
            try:
                return await self._once(isolation, work, locks)
            except ServiceError:
                raise
            except Exception as error:
                meaning = self.meaning(error)
                if meaning is Meaning.WRONG:
                    raise
                metrics.repo_errors.labels(self.reason(error)).inc()
                if meaning is Meaning.AWAY:
                    raise self.unavailable(error) from error
            if overdue(begun):
                break
            await asyncio.sleep(random.uniform(0, min(BACKOFF_S * 2**attempt, BACKOFF_MOST_S)))
        raise ServiceError(Code.BUSY, "other transactions were in the way too often: send it again", retry_after_ms=100)

    def check_known(self, isolation: Isolation, error: Exception) -> None:
        """Return when a commit that failed did not happen. Raises ServiceError DEADLINE when that is unknown."""
        if isolation is not Isolation.SNAPSHOT and self.meaning(error) is Meaning.AWAY:
            raise ServiceError(Code.DEADLINE, f"the store went away during a commit: {self.words(error)}") from error

    def unavailable(self, error: Exception) -> ServiceError:
        """Return what a caller is told of a failure: nothing was written, try again."""
        text = f"{self.server} cannot work now: {self.words(error)}"
        return ServiceError(Code.STORAGE_UNAVAILABLE, text, retry_after_ms=1000)

    def at_least(self, now: int) -> int:
        """Return the time of a transaction: the server's, but never before one that was given already."""
        self._newest = max(self._newest, now)
        return self._newest


def overdue(begun: float) -> bool:
    """Say whether what began at this `time.monotonic()` takes longer than any transaction may."""
    return (time.monotonic() - begun) * 1000 > MAX_TRANSACTION_MS


def check_time(begun: float) -> None:
    """Refuse to commit what took too long. Raises ServiceError STORAGE_UNAVAILABLE."""
    if overdue(begun):
        raise ServiceError(Code.STORAGE_UNAVAILABLE, "the transaction took longer than any may last")
