"""The one thread that writes: commands that queued while the last commit ran share the next one."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import structlog

from resonance.domain.errors import Code, ServiceError
from resonance.engines.sqlite.connection import (
    BUSY_TIMEOUT_S,
    Clock,
    SqliteTx,
    connect_writer,
    is_engine_failure,
    unavailable,
)
from resonance.observe import metrics
from resonance.ports.store import MAX_TRANSACTION_MS

log = structlog.get_logger(__name__)

T = TypeVar("T")

MAX_JOBS = 256
"""Commands in one commit."""
HOT_SLICE_S = 0.02
"""A commit that took this long to fill takes no further command."""
BACKGROUND_SLICE_S = 0.002
"""The same for background work, which hot commands may have to wait for."""
PATIENCE_S = 0.05
"""Background work that waited this long joins hot commits, one piece each: a busy server must not starve it."""


class Lane(StrEnum):
    """Who waits: somebody for an answer, or nobody."""

    HOT = "hot"
    BACKGROUND = "background"


QUEUE_LIMIT = {Lane.HOT: 8_192, Lane.BACKGROUND: 8_192}
"""Commands that may wait; further ones are refused as BUSY."""


class Job(NamedTuple):
    """A command that waits for its turn, and who waits for it."""

    work: Callable[[SqliteTx], Any]
    future: asyncio.Future[Any]
    queued_at: float


class Again(Exception):  # noqa: N818 - a wish, no error
    """Raised by a command that wants what it did undone, and another piece of work run in its place at once."""

    def __init__(self, work: Callable[[SqliteTx], Any]) -> None:
        self.work = work


class Outcome(NamedTuple):
    """What a command came to, once its transaction is committed."""

    job: Job
    result: Any
    error: BaseException | None


class Writer:
    """Owns the writing connection. `submit` is called on the event loop, everything else runs on the thread.

    Lifecycle: `start`, `close` (stop accepting), `join` (drain), `terminate` (drop what waits).
    """

    def __init__(
        self,
        path: Path,
        synchronous: str,
        clock: Clock,
        committed: Callable[[], None],
        published: Callable[[int], None],
    ) -> None:
        """Prepare a writer.

        Args:
            committed: called on the thread after each commit.
            published: called on the loop after each commit, before its callers go on, with the outbox's newest
                position.
        """
        self._path = path
        self._synchronous = synchronous
        self._clock = clock
        self._committed = committed
        self._published = published
        self._loop = asyncio.get_running_loop()
        self._connection: sqlite3.Connection | None = None
        self._queues: dict[Lane, deque[Job]] = {lane: deque() for lane in Lane}
        self._wake = threading.Condition()
        self._accepting = False
        self._overflowing = threading.Event()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)

    def start(self) -> None:
        """Begin to take commands."""
        self._accepting = True
        self._thread.start()

    def submit(self, work: Callable[[SqliteTx], T], lane: Lane) -> asyncio.Future[T]:
        """Queue a command; its future is done once the commit that holds it is durable.

        Raises:
            ServiceError: BUSY when too many wait; UNAVAILABLE after `close`.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        with self._wake:
            if not self._accepting:
                raise ServiceError(Code.UNAVAILABLE, "the store is closed")
            queue = self._queues[lane]
            if len(queue) >= QUEUE_LIMIT[lane]:
                raise ServiceError(Code.BUSY, f"{len(queue)} commands wait for the store", retry_after_ms=100)
            queue.append(Job(work, future, time.monotonic()))
            self._wake.notify()
        return future

    def truncate_soon(self) -> None:
        """Truncate the write-ahead log after the next commit. Thread-safe."""
        self._overflowing.set()

    def close(self) -> None:
        """Stop accepting; what is queued still runs."""
        with self._wake:
            self._accepting = False
            self._wake.notify()

    async def join(self) -> None:
        """Wait until everything queued is committed and the connection is closed. Call `close` before."""
        await self._stopped.wait()
        self._thread.join()

    def terminate(self) -> None:
        """Stop after the running transaction; commands that wait are refused."""
        with self._wake:
            self._accepting = False
            dropped = [job for queue in self._queues.values() for job in queue]
            for queue in self._queues.values():
                queue.clear()
            self._wake.notify()
        error = ServiceError(Code.UNAVAILABLE, "the store was stopped")
        self._settle([Outcome(job, None, error) for job in dropped], None)

    # ------------------------------------------------------------ on the thread

    def _run(self) -> None:
        while (lane := self._wait()) is not None:
            self._transact(lane)
        self._disconnect()
        self._call(self._stopped.set)

    def _wait(self) -> Lane | None:
        """Wait for work and return its lane; None when closed and drained."""
        with self._wake:
            while True:
                for lane, queue in self._queues.items():
                    if queue:
                        return lane
                if not self._accepting:
                    return None
                self._wake.wait()

    def _transact(self, lane: Lane) -> None:
        """Run one transaction of this lane and tell everybody in it how it ended."""
        start = time.monotonic()
        taken: list[Job] = []
        try:
            outcomes, head = self._commit(lane, start, taken)
        except (sqlite3.Error, OSError) as error:
            self._fail(lane, taken, error)
            return
        metrics.repo_commits.labels(lane).inc()
        metrics.repo_jobs_per_commit.observe(len(outcomes))
        metrics.repo_commit_seconds.labels(lane).observe(time.monotonic() - start)
        metrics.repo_queue.labels(lane).set(len(self._queues[lane]))
        self._call(self._settle, outcomes, head)
        self._committed()
        if self._overflowing.is_set():
            self._truncate()

    def _commit(self, lane: Lane, start: float, taken: list[Job]) -> tuple[list[Outcome], int]:
        """Run jobs of the lane in one transaction; `taken` says which, also when it fails."""
        taken.append(self._queues[lane].popleft())
        connection = self._connect()
        connection.execute("BEGIN IMMEDIATE")
        tx = SqliteTx(connection, self._clock.now())
        outcomes = [_attempt(tx, taken[0], alone=True)]
        while (job := self._another(lane, start, len(taken))) is not None:
            taken.append(job)
            outcomes.append(_attempt(tx, job, alone=False))
        head = tx.outbox_head
        if head is None:
            head = connection.execute("SELECT coalesce(max(position), 0) FROM outbox").fetchone()[0]
        if (time.monotonic() - start) * 1000 > MAX_TRANSACTION_MS:
            raise sqlite3.OperationalError("the transaction took longer than any may last")
        connection.execute("COMMIT")
        return outcomes, head

    def _another(self, lane: Lane, start: float, taken: int) -> Job | None:
        """Return a further job for the running transaction, or None when it is full."""
        hot, background = self._queues[Lane.HOT], self._queues[Lane.BACKGROUND]
        spent = time.monotonic() - start
        if lane is Lane.BACKGROUND:
            return background.popleft() if background and not hot and spent < BACKGROUND_SLICE_S else None
        if taken >= MAX_JOBS or spent >= HOT_SLICE_S:
            return None
        if taken == 1 and background and start - background[0].queued_at > PATIENCE_S:
            return background.popleft()
        return hot.popleft() if hot else None

    def _fail(self, lane: Lane, jobs: list[Job], error: Exception) -> None:
        """Refuse every job of a transaction that the engine could not carry out, and begin anew."""
        self._disconnect()
        metrics.repo_errors.labels(getattr(error, "sqlite_errorname", type(error).__name__)).inc()
        log.error("store transaction failed", lane=lane, jobs=len(jobs), error=str(error))
        refusal = unavailable(error)
        self._call(self._settle, [Outcome(job, None, refusal) for job in jobs], None)

    def _truncate(self) -> None:
        """Move the rest of the log into the database file and empty it, unless a reader still needs it."""
        self._overflowing.clear()
        connection = self._connect()
        try:
            connection.execute("PRAGMA busy_timeout = 0")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
        except sqlite3.Error as error:
            metrics.repo_errors.labels("checkpoint").inc()
            log.error("truncating the log failed", error=str(error))
            self._disconnect()

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect_writer(self._path, self._synchronous)
        return self._connection

    def _disconnect(self) -> None:
        """Close the connection; an open transaction is rolled back by that."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _call(self, callback: Callable[..., None], *args: object) -> None:
        """Call on the loop, unless it was closed under us."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback, *args)

    # ------------------------------------------------------------ on the loop

    def _settle(self, outcomes: list[Outcome], head: int | None) -> None:
        """Answer everybody in a transaction; callers that went away are passed over."""
        if head is not None:
            self._published(head)
        for job, result, error in outcomes:
            if job.future.done():
                continue
            if error is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(error)


def _attempt(tx: SqliteTx, job: Job, *, alone: bool) -> Outcome:
    """Run one job so that its refusal undoes nothing but its own work.

    The first job of a transaction is undone with the transaction itself: a savepoint makes SQLite keep a copy of every
    page that is changed in it.

    Raises:
        sqlite3.Error: the engine failed, and with it the whole transaction.
    """
    if not alone:
        tx.connection.execute("SAVEPOINT job")
    known_head = tx.outbox_head
    try:
        result = job.work(tx)
    except Exception as error:
        if is_engine_failure(error):
            raise
        _undo(tx.connection, alone=alone)
        tx.outbox_head = known_head
        if isinstance(error, Again):
            return _attempt(tx, job._replace(work=error.work), alone=alone)
        return Outcome(job, None, error)
    if not alone:
        tx.connection.execute("RELEASE job")
    return Outcome(job, result, None)


def _undo(connection: sqlite3.Connection, *, alone: bool) -> None:
    """Undo what a job did, and go on with the transaction."""
    if alone:
        connection.execute("ROLLBACK")
        connection.execute("BEGIN IMMEDIATE")
    else:
        connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")
