"""The ends of the queue between gateways and logic (`ports.uplink`) over Kafka.

All gateways write to one topic, by conversation. Each gateway has a topic of its own with one partition, which it
reads without a group, from where it ended when the gateway's end was started.
"""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import Future
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from resonance.domain.errors import ServiceError
from resonance.domain.model import SendItem
from resonance.engines.kafka.cluster import Cluster, tell, unavailable
from resonance.engines.kafka.producer import NO_TOPIC_MS, Publisher
from resonance.engines.kafka.records import Record
from resonance.engines.kafka.upstream import record_of_item
from resonance.ports.uplink import Downward, GatewayEnd, Parcel

log = structlog.get_logger(__name__)

READ_MOST = 500
POLL_S = 0.2
"""How long a thread may take to notice that it has to end."""
DRAIN_S = 3.0
RETENTION_S = 3600.0
"""How long a gateway's topic is kept: only a gateway that runs reads it, and it reads at once."""
BUFFER_KIB = 64 * 1024
"""What may wait for the brokers in one logic."""


class KafkaGatewayEnd(GatewayEnd):
    """One gateway's end."""

    def __init__(self, cluster: Cluster, gateway: str, epoch: int) -> None:
        self._cluster = cluster
        self._gateway = gateway
        self._epoch = epoch
        self._publisher: Publisher | None = None
        self._reader: Consumer | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kafka downstream")
        self._gone: KafkaError | None = None  # why there is nothing to read any more
        # set with why a message was not written
        self._failed: Future[None] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        cluster = self._cluster
        topic = cluster.downstream(self._gateway)
        await cluster.ensure(cluster.upstream)
        await cluster.ensure(topic, partitions=1, retention_s=RETENTION_S)
        end = (await cluster.ends(topic))[0]
        self._reader = Consumer(
            {
                **cluster.properties(),
                "group.id": "none",  # the library wants one; it is never joined
                "enable.auto.commit": False,
                "auto.offset.reset": "error",  # what is not there any more was never read: begin anew
                "topic.metadata.propagation.max.ms": NO_TOPIC_MS,
                "error_cb": self._told,
            }
        )
        self._reader.assign([TopicPartition(topic, 0, end)])
        self._publisher = Publisher(cluster)

    def send(self, items: Sequence[SendItem]) -> list[SendItem]:
        records, refused = [], []
        for item in items:
            try:
                records.append(record_of_item(self._cluster.upstream, self._gateway, self._epoch, item))
            except ValueError as exc:
                log.error("a decoder let through what no record carries", connection=item.connection, error=str(exc))
                refused.append(item)
        assert self._publisher is not None
        try:
            self._publisher.send(records).add_done_callback(self._written)
        except ServiceError as exc:
            self._fail(exc)
        return refused

    def _written(self, written: Future[None]) -> None:
        if not written.cancelled() and (error := written.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self._failed.done():
            self._failed.set_exception(error)

    async def receive(self) -> list[Parcel]:
        while True:
            reading = asyncio.get_running_loop().run_in_executor(self._thread, self._read)
            waited: set[Future[Any]] = {reading, self._failed}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if self._failed.done():
                self._failed.result()
            if parcels := await reading:
                return parcels

    def _read(self) -> list[Parcel]:
        assert self._reader is not None
        # `consume` waits for as many as it was asked for; so wait for one, then take what is there
        first = self._reader.poll(POLL_S)
        messages = [] if first is None else [first, *self._reader.consume(READ_MOST - 1, 0)]
        if self._gone is not None:
            raise unavailable(self._gone)
        for message in messages:
            if (error := message.error()) is not None:
                raise unavailable(error)
        return [parcel for message in messages if (parcel := _parcel(message)) is not None]

    def _told(self, error: KafkaError) -> None:
        """Take note, within `poll`, of what is not told as a message: the topic is gone."""
        if error.code() in _NOWHERE:
            self._gone = error
        tell(error)

    async def close(self) -> None:
        self._failed.cancel()
        if self._failed.done() and not self._failed.cancelled():
            self._failed.exception()  # it was told, or nobody wants to know any more
        reader, publisher = self._reader, self._publisher
        if publisher is not None:
            await publisher.close()
        if reader is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, reader.close)
        self._thread.shutdown(wait=False)


class KafkaDownward(Downward):
    """One logic's way down to gateways."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._publisher = Publisher(cluster, buffer_kib=BUFFER_KIB, nowhere=_NOWHERE)
        self._last: Future[None] | None = None

    def send(self, gateway: str, parcel: Parcel) -> Future[None]:
        headers = [("epoch", b"%d" % parcel.epoch), ("link", b"%d" % parcel.link)]
        self._last = self._publisher.send([Record(self._cluster.downstream(gateway), b"", parcel.frame, headers, 0)])
        return self._last

    async def close(self) -> None:
        if self._last is not None:
            with contextlib.suppress(TimeoutError, ServiceError):
                async with asyncio.timeout(DRAIN_S):
                    await asyncio.shield(self._last)
        await self._publisher.close()


_NOWHERE = frozenset({KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION})
"""There is no such topic, so no gateway reads it."""


def _parcel(message: Message) -> Parcel | None:
    headers = message.headers() or []
    assert isinstance(headers, list)
    named = dict(headers)
    try:
        epoch, link = int(named["epoch"] or b""), int(named["link"] or b"")
    except (KeyError, ValueError):
        log.error("a record that no logic has written", offset=message.offset())
        return None
    return Parcel(epoch, link, message.value() or b"")
