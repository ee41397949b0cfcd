"""The relay: publishes the outbox to Kafka, in its order, each event at least once.

What holds in every partition, and what its readers rely on: whoever has seen an event with position y has seen, or
will never see, every earlier one of this partition; an earlier one behind it is a repetition. For a relay publishes in
the order of the outbox, its producer leaves no gap, and it begins behind what was acked to the relay before it.
One relay works at a time (the caller has a lease), and one that was taken for dead can only repeat.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from resonance.domain.errors import ServiceError
from resonance.engines.kafka.cluster import Cluster
from resonance.engines.kafka.producer import Publisher
from resonance.engines.kafka.records import Record, record_of
from resonance.engines.kafka.translator import Translator
from resonance.engines.kafka.watermark import done_up_to
from resonance.observe import metrics
from resonance.ports.publications import Translation
from resonance.ports.store import Store

log = structlog.get_logger(__name__)

BATCH = 500
WAIT_MS = 500
PACE_S = 0.02
"""A turn takes at least this long, so that under load one turn serves many commits."""
RECORD_EVERY_S = 0.25
"""Positions are recorded at most this often; what is published twice after a crash is passed over by its readers."""
WATCH_EVERY_S = 0.5
PATIENCE_S = 5.0
"""After this time without an ack the log says that the relay waits."""
BACKOFF_S = 0.2
BACKOFF_MOST_S = 5.0


class Relay:
    """Publishes, and keeps the store informed of how far consumers are.

    Args:
        name: the consumer of the outbox that it is, as far as the store is concerned.
        consumers: those whose positions the store is told.
        translations: what is published besides, to topics of other systems.
    """

    def __init__(
        self,
        store: Store,
        cluster: Cluster,
        name: str,
        consumers: Sequence[str],
        translations: Sequence[Translation] = (),
    ) -> None:
        self._name = name
        self._store = store
        self._cluster = cluster
        self._consumers = consumers
        self._translator = Translator(store, cluster.streams, translations)
        self._publisher: Publisher | None = None
        self._epoch = ""
        # up to where everything was acked, and up to where the store knows that it was
        self._published = self._recorded = 0
        # up to where consumers are done, as the store was told
        self._done: dict[str, int] = {}
        self._next_record = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to publish."""
        self._tasks = [
            asyncio.create_task(self._run(), name="relay"),
            asyncio.create_task(self._watch(), name="relay's watch"),
        ]

    async def close(self) -> None:
        """Stop at once; what was not acked is published by the next relay."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._drop_publisher()
        metrics.task_lag.labels(self._name).set(0)  # another process may know better

    async def _run(self) -> None:
        backoff = BACKOFF_S
        while True:
            try:
                try:
                    await self._begin()
                    while True:
                        await self._turn()
                        backoff = BACKOFF_S
                finally:
                    await self._drop_publisher()
            except Exception as exc:  # whatever it is: derived work must not stop for good
                if isinstance(exc, ServiceError) and exc.code.value.retry:
                    log.warning("relay waits", error=str(exc))
                else:
                    log.exception("relay failed")
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, BACKOFF_MOST_S)

    async def _begin(self) -> None:
        """Find out where to go on. What all consumers have done (by way of another bus) needs no publishing."""
        for topic in (self._cluster.topic, *self._cluster.streams.values()):
            await self._cluster.ensure(topic)
        self._epoch = (await self._store.info()).epoch
        for consumer in self._consumers:
            self._done[consumer] = await self._store.consumer_position(consumer)
            await self._store.commit_position(consumer, self._done[consumer])  # now the store keeps its events
        recorded = await self._store.consumer_position(self._name)
        self._published = self._recorded = max(recorded, min(self._done.values()))
        self._publisher = Publisher(self._cluster)

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        page = await self._store.outbox(self._published, BATCH, WAIT_MS)
        begun = loop.time()
        records = [record_of(self._cluster.topic, self._epoch, event) for event in page.events]
        for event in page.events:
            records += await self._translator.records(self._epoch, event)
        await self._publish(records)
        moved = page.end > self._published
        self._published = page.end
        metrics.task_lag.labels(self._name).set(page.head - page.end)
        if not moved or loop.time() >= self._next_record:
            await self._record()
            self._next_record = loop.time() + RECORD_EVERY_S
        if moved:
            await asyncio.sleep(max(0.0, PACE_S - (loop.time() - begun)))

    async def _publish(self, records: Sequence[Record]) -> None:
        assert self._publisher is not None
        publishing = asyncio.ensure_future(self._publisher.publish(records))
        try:
            await asyncio.wait([publishing], timeout=PATIENCE_S)
            if not publishing.done():
                log.warning("relay waits for Kafka", events=len(records))
            await publishing
        finally:
            publishing.cancel()

    async def _record(self) -> None:
        """Tell the store what was published."""
        if self._published > self._recorded:
            await self._store.commit_position(self._name, self._published)
            self._recorded = self._published

    async def _watch(self) -> None:
        """Tell the store what consumers have done of it; what fails now is tried again at the next turn."""
        silent = False
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            try:
                await self._tell_done()
                silent = False
            except Exception as exc:  # whatever it is: sweeps and pruning wait for this
                if not silent:
                    log.warning("it is unknown how far consumers are", error=str(exc))
                silent = True

    async def _tell_done(self) -> None:
        for consumer, known in list(self._done.items()):
            if known < self._published:
                done = await done_up_to(self._cluster, consumer, self._epoch, self._published)
                if done > known:
                    await self._store.commit_position(consumer, done)
                    self._done[consumer] = done

    async def _drop_publisher(self) -> None:
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            await publisher.close()
