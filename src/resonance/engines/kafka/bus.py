"""The bus over Kafka: what the relay published, shared by the tasks of all processes, partition by partition."""

from __future__ import annotations

from collections.abc import Iterable

from resonance.domain.events import Event
from resonance.engines.kafka.cluster import Cluster
from resonance.engines.kafka.membership import Membership
from resonance.engines.kafka.producer import Publisher
from resonance.engines.kafka.records import Record, record_of
from resonance.ports.bus import Bus, Taken
from resonance.ports.store import Store


class KafkaBus(Bus):
    """A bus for the consumers of one process, each a member of its own group. While Kafka is away, nothing comes."""

    def __init__(self, store: Store, cluster: Cluster) -> None:
        self._store = store
        self._cluster = cluster
        self._topic = cluster.topic
        self._members: dict[str, Membership] = {}
        self._letters: Publisher | None = None

    async def consume(self, consumer: str, limit: int, wait_ms: int, kinds: Iterable[str] = ()) -> Taken:
        if consumer not in self._members:
            await self._cluster.ensure(self._topic)
            self._members[consumer] = Membership(self._cluster, consumer)
        return await self._members[consumer].take(limit, wait_ms, frozenset(kinds))

    async def commit(self, consumer: str, position: int) -> None:
        if consumer in self._members:
            await self._members[consumer].commit(position)

    async def park(self, consumer: str, event: Event, error: str, attempts: int) -> None:
        """Keep it in the store, from where it is tried again, and publish it for others to see."""
        await self._store.park(consumer, event, error, attempts)
        topic = self._cluster.dead_letters
        await self._cluster.ensure(topic)
        letter = record_of(topic, (await self._store.info()).epoch, event)
        about = [("consumer", consumer), ("error", error), ("attempts", str(attempts))]
        headers = [*letter.headers, *((name, text.encode()) for name, text in about)]
        await self._publish(Record(topic, letter.key, letter.value, headers))

    async def _publish(self, letter: Record) -> None:
        if self._letters is None:
            self._letters = Publisher(self._cluster)
        try:
            await self._letters.publish([letter])
        except BaseException:
            publisher, self._letters = self._letters, None
            await publisher.close()
            raise

    async def lag(self, consumer: str) -> int:
        return await self._members[consumer].lag() if consumer in self._members else 0

    async def close(self) -> None:
        members, self._members = self._members, {}
        for member in members.values():
            await member.close()
        if self._letters is not None:
            await self._letters.close()
