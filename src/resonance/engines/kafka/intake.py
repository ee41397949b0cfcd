"""One logic's share of the upstream topic. The library's consumer blocks, so it has a thread."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from resonance.engines.kafka.cluster import Cluster, unavailable
from resonance.engines.kafka.upstream import sent_of
from resonance.observe import metrics
from resonance.ports.uplink import Intake, Sent, TakenUp

log = structlog.get_logger(__name__)

AWAY_MOST_S = 300.0
"""A logic that takes nothing for this long gives its partitions to others."""
BUFFER_KIB = 16 * 1024
"""What the library may fetch ahead."""


class KafkaIntake(Intake):
    """A member of the group of all logics.

    A mark that is committed after a partition went to another logic says the truth, whoever says it: what it covers is
    answered. At worst the offset goes back, and what is behind it is done again.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._topic = cluster.upstream
        self._consumer = Consumer(
            {
                **cluster.properties(),
                "group.id": cluster.upstream_group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": cluster.session_ms,
                "heartbeat.interval.ms": max(100, cluster.session_ms // 4),
                "max.poll.interval.ms": max(cluster.session_ms, int(AWAY_MOST_S * 1000)),
                "queued.max.messages.kbytes": BUFFER_KIB,
                "on_commit": _committed,
            }
        )
        self._consumer.subscribe([self._topic])
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kafka upstream")
        # by mark, the offsets to commit for it
        self._marks: deque[tuple[int, dict[int, int]]] = deque()
        self._mark = 0

    async def take(self, limit: int, wait_ms: int) -> TakenUp:
        taking = asyncio.get_running_loop().run_in_executor(self._thread, self._take, limit, wait_ms / 1000)
        messages, reached = await taking
        self._mark += 1
        if reached:
            self._marks.append((self._mark, reached))
        return TakenUp(messages, self._mark)

    def _take(self, limit: int, wait_s: float) -> tuple[list[Sent], dict[int, int]]:
        # `consume` waits for as many as it was asked for; so wait for one, then take what is there
        first = self._consumer.poll(wait_s)
        found = [] if first is None else [first, *self._consumer.consume(limit - 1, 0)]
        messages: list[Sent] = []
        reached: dict[int, int] = {}
        for record in found:
            if (error := record.error()) is not None:
                raise unavailable(error)
            partition, offset = record.partition(), record.offset()
            assert partition is not None
            assert offset is not None
            reached[partition] = offset + 1
            try:
                messages.append(sent_of(record.value() or b""))
            except ValueError as exc:
                metrics.upstream_skipped.inc()
                log.error("a record that is no message is skipped", partition=partition, offset=offset, error=str(exc))
        return messages, reached

    def commit(self, mark: int) -> None:
        done: dict[int, int] = {}
        while self._marks and self._marks[0][0] <= mark:
            done |= self._marks.popleft()[1]
        if done:
            places = [TopicPartition(self._topic, partition, offset) for partition, offset in done.items()]
            try:
                self._consumer.commit(offsets=places, asynchronous=True)
            except KafkaException as exc:
                log.warning("offsets are not committed; answered messages come again", error=str(exc))

    async def close(self) -> None:
        """Leave the group: others have its partitions at once, and asynchronous commits before it are sent."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._consumer.close)
        self._thread.shutdown(wait=False)


def _committed(error: KafkaError | None, _places: list[TopicPartition]) -> None:
    if error is not None:
        log.warning("offsets are not committed; answered messages come again", error=error.str())
