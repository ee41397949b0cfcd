"""One process's part of a consumer group. The library's consumer blocks, so it has a thread, which owns its state."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from resonance.domain.errors import ServiceError
from resonance.domain.events import Event
from resonance.engines.kafka.cluster import Cluster, Done, unavailable
from resonance.engines.kafka.records import Place, event_of
from resonance.ports.bus import Taken

log = structlog.get_logger(__name__)

T = TypeVar("T")

COMMITTED_TIMEOUT_S = 5.0
AWAY_MOST_S = 300.0
"""A process that takes nothing for this long, because the world is away, gives its partitions to others."""
BUFFER_KIB = 16 * 1024
"""What the library may fetch ahead."""


class Membership:
    """A member of the group of one consumer."""

    def __init__(self, cluster: Cluster, consumer: str) -> None:
        self._topic = cluster.topic
        self._consumer = Consumer(
            {
                **cluster.properties(),
                "group.id": cluster.group(consumer),
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": cluster.session_ms,
                "heartbeat.interval.ms": max(100, cluster.session_ms // 4),
                "max.poll.interval.ms": max(cluster.session_ms, int(AWAY_MOST_S * 1000)),
                "queued.max.messages.kbytes": BUFFER_KIB,
            }
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"kafka {consumer}")
        self._taking: asyncio.Future[Taken] | None = None
        # ---- from here on the thread's: the place of the last event seen in each partition that is ours
        self._seen: dict[int, Place] = {}
        # the offset committed in each of them
        self._committed: dict[int, int] = {}
        # what to commit once all is done that was taken up to a mark
        self._marks: deque[tuple[int, dict[int, Done]]] = deque()
        self._mark = 0
        self._moved = False
        self._failure: ServiceError | None = None
        self._consumer.subscribe([self._topic], self._assigned, self._revoked, self._revoked)

    async def take(self, limit: int, wait_ms: int, kinds: frozenset[str]) -> Taken:
        """Return the next events of these kinds (all, when there are none); see `Bus.consume`.

        A call that is given up takes nothing away: the next one returns what it would have.
        """
        if self._taking is None:
            self._taking = self._in_thread(lambda: self._take(limit, wait_ms / 1000, kinds))
        try:
            taken = await asyncio.shield(self._taking)
        except ServiceError:
            self._taking = None
            raise
        self._taking = None
        return taken

    async def commit(self, mark: int) -> None:
        """Commit what was taken up to a mark and is still ours. Raises ServiceError UNAVAILABLE."""
        await self._in_thread(lambda: self._commit(mark))

    async def lag(self) -> int:
        """Return how much of our partitions is not committed, by what the brokers told with the last records."""
        return await self._in_thread(self._lag)

    async def close(self) -> None:
        """Leave the group, so that others have its partitions at once."""
        await self._in_thread(self._consumer.close)
        self._thread.shutdown(wait=False)

    def _in_thread(self, work: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    # ------------------------------------------------------------ in the thread

    def _take(self, limit: int, wait_s: float, kinds: frozenset[str]) -> Taken:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        # `consume` waits for as many as it was asked for; so wait for one, then take what is there
        first = self._consumer.poll(wait_s)
        messages = [] if first is None else [first, *(self._consumer.consume(limit - 1, 0) if limit > 1 else ())]
        reached: dict[int, Done] = {}
        events: list[Event] = []
        for message in messages:
            self._look_at(message, kinds, events, reached)
        if reached:
            self._mark += 1
            self._marks.append((self._mark, reached))
        moved, self._moved = self._moved, False
        return Taken(events, self._mark, moved)

    def _look_at(self, message: Message, kinds: frozenset[str], events: list[Event], reached: dict[int, Done]) -> None:
        """Add the event of a message, if it is wanted and new, and how far its partition is after it."""
        error = message.error()
        if error is not None:
            self._failure = unavailable(error)
            return
        partition, offset = message.partition(), message.offset()
        assert partition is not None
        assert offset is not None
        seen = self._seen.get(partition, Place("", 0))
        try:
            epoch, event = event_of(message.key() or b"", message.value() or b"", _headers(message))
        except ValueError as exc:
            log.error("a record that is no event", partition=partition, offset=offset, error=str(exc))
        else:
            repeated = epoch == seen.epoch and event.position <= seen.position
            if not repeated:
                seen = Place(epoch, event.position)
                if not kinds or event.kind in kinds:
                    events.append(event)
        self._seen[partition] = seen
        reached[partition] = Done(offset + 1, seen)

    def _commit(self, mark: int) -> None:
        done: dict[int, Done] = {}
        for number, reached in self._marks:
            if number <= mark:
                done |= reached
        if done:
            try:
                answers = self._consumer.commit(
                    offsets=[TopicPartition(self._topic, n, one.offset, str(one.place)) for n, one in done.items()],
                    asynchronous=False,
                )
            except KafkaException as exc:
                raise unavailable(exc) from exc
            for answer in answers or []:
                if answer.error is not None:
                    raise unavailable(answer.error)
            self._committed |= {n: one.offset for n, one in done.items()}
        while self._marks and self._marks[0][0] <= mark:
            self._marks.popleft()

    def _lag(self) -> int:
        total = 0
        for partition, committed in self._committed.items():
            low, high = self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), cached=True)
            total += max(0, high - max(low, committed))
        return total

    # called by the consumer within `poll`

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._forget(partitions)
        self._moved = True
        self._committed |= {one.partition: 0 for one in partitions}
        try:
            places = consumer.committed(partitions, timeout=COMMITTED_TIMEOUT_S)
        except KafkaException as exc:
            # repetitions are then done again, which is harmless
            log.warning("it is unknown how far partitions were done", error=str(exc))
            return
        for one in places:
            self._seen[one.partition] = Place.parse(one.metadata)
            self._committed[one.partition] = max(0, one.offset)

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """What was taken of them and not committed is done again by their new owner."""
        self._forget(partitions)

    def _forget(self, partitions: list[TopicPartition]) -> None:
        for one in partitions:
            self._seen.pop(one.partition, None)
            self._committed.pop(one.partition, None)
            for _, reached in self._marks:
                reached.pop(one.partition, None)


def _headers(message: Message) -> dict[str, bytes]:
    """Return a record's headers; `None` and text, which others may write, are none of ours."""
    headers = message.headers() or []
    assert isinstance(headers, list)
    return {name: value for name, value in headers if isinstance(value, bytes)}
