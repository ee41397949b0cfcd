"""The dispatcher: takes events from the bus and hands them to processors, in order per key, at least once.

A whole batch goes to each processor at once. When that fails, its events are tried one by one; one that keeps failing
becomes a dead letter, the later events of its key wait behind it, and the rest goes on. When the world is away
(a retryable refusal), the batch waits and is tried again: nothing is parked for that.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import structlog

from resonance.domain.errors import ServiceError
from resonance.domain.events import Event
from resonance.observe import metrics
from resonance.ports.bus import Bus
from resonance.ports.store import Store
from resonance.task.processor import Processor

log = structlog.get_logger(__name__)

BATCH = 500
WAIT_MS = 1_000
PACE_S = 0.02
"""A turn takes at least this long, so that under load one turn serves many commits."""
UNWANTED_PACE_S = 0.2
"""The same for turns that brought nothing but events of kinds that no processor wants."""
COMMIT_EVERY_S = 0.25
"""Positions are committed at most this often while events keep coming; what comes again after a crash is harmless."""
ATTEMPTS = 3
BACKOFF_S = 0.2
BACKOFF_MOST_S = 5.0
RETRY_PARKED_S = 60.0
PARKED_PAGE = 100


class Dispatcher:
    """One consumer of the bus with its processors.

    Args:
        consumer: the name whose position is kept.
        linger: seconds to wait after the first event for more to come, for processors that coalesce.
    """

    def __init__(
        self, bus: Bus, store: Store, consumer: str, processors: Sequence[Processor], linger: float = 0.0
    ) -> None:
        self._bus = bus
        self._store = store
        self.consumer = consumer
        self._processors = processors
        self._kinds = frozenset[str]().union(*(processor.kinds for processor in processors))
        self._linger = linger
        # per processor, the keys whose later events wait behind a dead letter
        self._parked_keys: dict[str, set[str]] = {processor.name: set() for processor in processors}
        self._next_retry = 0.0
        # taken from the bus, which gives nothing twice, and not done yet
        self._taken: list[Event] = []
        # up to where events were taken, are done, and are recorded as done
        self._reached = self._done = self._committed = 0
        self._next_commit = 0.0
        # whether keys came from another process, and what it left behind of them is not known yet
        self._moved = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to consume."""
        self._task = asyncio.create_task(self._run(), name=f"dispatcher {self.consumer}")

    async def close(self) -> None:
        """Stop at once; what was not committed comes again at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            metrics.task_lag.labels(self.consumer).set(0)  # another process may know better

    # ------------------------------------------------------------ the loop

    async def _run(self) -> None:
        backoff = BACKOFF_S
        while True:
            try:
                await self._retry_parked_when_due()
                await self._turn()
                backoff = BACKOFF_S
            except Exception as exc:  # whatever it is: derived work must not stop for good
                if isinstance(exc, ServiceError) and exc.code.value.retry:
                    log.warning("dispatcher waits", consumer=self.consumer, error=str(exc))
                else:
                    log.exception("dispatcher failed", consumer=self.consumer)
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, BACKOFF_MOST_S)

    async def _turn(self) -> None:
        """Take one batch through all processors; commit when it is time, or when nothing more comes.

        A turn that fails leaves its batch to the next one.
        """
        if not self._taken:  # else a batch that failed is tried again
            await self._take(WAIT_MS)
            if self._linger and 0 < len(self._taken) < BATCH:
                await asyncio.sleep(self._linger)
                await self._take(0)
        if self._moved:
            await self._take_over()
        begun = asyncio.get_running_loop().time()
        pace = PACE_S if self._taken else UNWANTED_PACE_S
        if self._taken:
            await self._until_done(self._taken)
            self._taken = []
        moved = self._reached > self._done
        self._done = self._reached
        now = asyncio.get_running_loop().time()
        if not moved or now >= self._next_commit:
            await self._commit()
            self._next_commit = now + COMMIT_EVERY_S
        if moved and now - begun < pace:
            await asyncio.sleep(pace - (now - begun))

    async def _take(self, wait_ms: int) -> None:
        """Take what is next from the bus."""
        events, self._reached, moved = await self._bus.consume(self.consumer, BATCH, wait_ms, self._kinds)
        self._taken += events
        self._moved |= moved

    async def _take_over(self) -> None:
        """Learn which keys wait behind dead letters of another process, and forget what may be old."""
        for processor in self._processors:
            processor.forget()
            await self._retry_parked(processor)
        self._moved = False

    async def _commit(self) -> None:
        """Record what is done."""
        if self._done > self._committed:
            await self._bus.commit(self.consumer, self._done)
            self._committed = self._done
        metrics.task_lag.labels(self.consumer).set(await self._bus.lag(self.consumer))

    async def _until_done(self, events: Sequence[Event]) -> None:
        """Hand a batch to every processor, waiting for the world where it is away."""
        with metrics.task_seconds.time():
            for processor in self._processors:
                wanted = [event for event in events if event.kind in processor.kinds]
                if wanted:
                    await self._give(processor, wanted)
        for kind, count in Counter(event.kind for event in events).items():
            metrics.task_events.labels(kind).inc(count)

    async def _give(self, processor: Processor, events: list[Event]) -> None:
        parked_keys = self._parked_keys[processor.name]
        if not parked_keys:
            try:
                await self._process(processor, events)
                return
            except ServiceError as exc:
                log.warning("events are tried one by one", processor=processor.name, error=str(exc))
            except Exception:
                log.exception("events are tried one by one", processor=processor.name)
        for event in events:
            if event.key in parked_keys:
                await self._park(processor, event, "waits behind an earlier event of its key", 0)
            else:
                await self._give_one(processor, event)

    async def _give_one(self, processor: Processor, event: Event) -> None:
        """Try one event a few times; then put it aside."""
        error = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                metrics.task_retries.labels(event.kind).inc()
                await asyncio.sleep(BACKOFF_S * 2**attempt)
            try:
                await self._process(processor, [event])
                return
            except Exception as exc:  # whatever a processor raises says that this event cannot be processed
                error = f"{type(exc).__name__}: {exc}"
        log.error("event parked", processor=processor.name, position=event.position, key=event.key, error=error)
        self._parked_keys[processor.name].add(event.key)
        await self._park(processor, event, error, ATTEMPTS)

    async def _process(self, processor: Processor, events: list[Event]) -> None:
        """Call a processor; wait and call again for as long as the world is away."""
        backoff = BACKOFF_S
        while True:
            try:
                await processor.process(events)
                return
            except ServiceError as exc:
                if not exc.code.value.retry:
                    raise
                log.warning("processor waits", processor=processor.name, error=str(exc))
                metrics.task_retries.labels(events[0].kind).inc(len(events))
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, BACKOFF_MOST_S)

    # ------------------------------------------------------------ dead letters

    async def _park(self, processor: Processor, event: Event, error: str, attempts: int) -> None:
        await self._bus.park(processor.name, event, error, attempts)
        metrics.task_parked.labels(event.kind).inc()

    async def _retry_parked_when_due(self) -> None:
        """At the start and once a minute, try dead letters again in their order."""
        now = asyncio.get_running_loop().time()
        if now < self._next_retry:
            return
        self._next_retry = now + RETRY_PARKED_S
        for processor in self._processors:
            await self._retry_parked(processor)

    async def _retry_parked(self, processor: Processor) -> None:
        """Try every dead letter once, page by page; of a key that still fails, only the first."""
        failing: set[str] = set()
        after = 0
        while letters := await self._store.parked(processor.name, PARKED_PAGE, after):
            for letter in letters:
                if letter.event.key not in failing and not await self._retry(processor, letter.event):
                    failing.add(letter.event.key)
            after = letters[-1].event.position
        self._parked_keys[processor.name] = failing

    async def _retry(self, processor: Processor, event: Event) -> bool:
        """Try a dead letter again; return whether it is done and gone."""
        try:
            await processor.process([event])
        except Exception as exc:  # as before: it stays parked, and so does what waits behind it
            log.warning("event stays parked", processor=processor.name, position=event.position, error=str(exc))
            return False
        await self._store.unpark(processor.name, event.position)
        return True
