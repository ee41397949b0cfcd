"""Publishing: a `Producer` of the library with one thread that hears of the brokers' acks.

The library's own asyncio producer collects for up to a second; a thread and a callback cost 0.02 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from resonance.domain.errors import ServiceError
from resonance.engines.kafka.cluster import LARGEST, Cluster, unavailable
from resonance.engines.kafka.records import Record

NO_TOPIC_MS = 10_000
"""How long a topic may be unknown before it is believed not to be there."""
POLL_S = 0.1
"""How long the thread may take to notice that it has to end."""


class Publisher:
    """Publishes in order per key. After a failure it is of no use any more: what it wrote has no gap, and keeps none.

    Records wait for as long as Kafka is away. Whoever does not want to wait any longer closes the publisher, which
    drops what was not written yet.
    """

    def __init__(self, cluster: Cluster, buffer_kib: int = 1024 * 1024, nowhere: frozenset[int] = frozenset()) -> None:
        """Begin with nothing to publish.

        Args:
            buffer_kib: what may wait for the brokers.
            nowhere: codes of errors that are none to the caller: what they are about need not be written.
        """
        self._nowhere = nowhere
        self._producer = Producer(
            {
                **cluster.properties(),
                "acks": "all",
                "enable.idempotence": True,
                # nothing of a partition is written behind something that was not
                "enable.gapless.guarantee": True,
                "message.timeout.ms": 0,
                "message.max.bytes": LARGEST,
                "partitioner": "murmur2",  # as Java's clients do
                "compression.type": "lz4",
                "linger.ms": 0,
                "queue.buffering.max.kbytes": buffer_kib,
                "topic.metadata.propagation.max.ms": NO_TOPIC_MS,
            }
        )
        self._closed = False
        self._thread = threading.Thread(target=self._poll, name="kafka producer", daemon=True)
        self._thread.start()

    async def publish(self, records: Sequence[Record]) -> None:
        """Publish records and wait until all replicas in sync have them.

        Raises:
            ServiceError: UNAVAILABLE when one of them, and perhaps others behind it, was not written.
        """
        await self.send(records)

    def send(self, records: Sequence[Record]) -> asyncio.Future[None]:
        """Put records on their way; the future is done once all replicas in sync have them, or fails like `publish`.

        Raises:
            ServiceError: UNAVAILABLE when too much waits, or the publisher is of no use any more.
        """
        batch = _Batch(len(records), self._nowhere)
        if not records:
            batch.written.set_result(None)
        try:
            for topic, key, value, headers, partition in records:
                self._producer.produce(topic, value, key, partition, on_delivery=batch.delivered, headers=list(headers))
        except (BufferError, KafkaException) as exc:
            raise unavailable(exc if isinstance(exc, KafkaException) else KafkaException(exc)) from exc
        return batch.written

    async def close(self) -> None:
        """Drop what was not written yet, and end the thread."""
        if not self._closed:
            self._closed = True
            self._producer.purge(blocking=False)
            await asyncio.to_thread(self._thread.join)

    def _poll(self) -> None:
        while not self._closed:
            self._producer.poll(POLL_S)
        self._producer.poll(0)


class _Batch:
    """Records whose acks are awaited together; counted by the thread, awaited by the loop."""

    def __init__(self, size: int, nowhere: frozenset[int]) -> None:
        self._missing = size
        self._nowhere = nowhere
        self._error: KafkaError | None = None
        self._loop = asyncio.get_running_loop()
        self.written: asyncio.Future[None] = self._loop.create_future()

    def delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None and error.code() not in self._nowhere:
            self._error = self._error or error
        self._missing -= 1
        if not self._missing:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if self.written.done():
            return
        if self._error is None:
            self.written.set_result(None)
        else:
            error: ServiceError = unavailable(self._error)
            self.written.set_exception(error)
