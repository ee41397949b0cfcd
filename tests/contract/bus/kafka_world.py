"""A relay and processes that consume, as objects of this process."""

from __future__ import annotations

from resonance.config.engines import KafkaConfig
from resonance.engines.kafka.bus import KafkaBus
from resonance.engines.kafka.cluster import Cluster
from resonance.engines.kafka.relay import Relay
from resonance.ports.bus import Bus
from resonance.ports.publications import Translation
from resonance.ports.store import Store
from tests.contract.bus.suite_bus import World

CONSUMERS = ("a", "b", "c", "slow", "fast")


class KafkaWorld(World):
    """A relay, and processes that share the partitions."""

    def __init__(self, store: Store, config: KafkaConfig) -> None:
        super().__init__(store)
        self.config = config
        self.translations: list[Translation] = []
        self.cluster = Cluster(config)
        self.relay = self.new_relay()
        self._buses: list[Bus] = []

    def new_relay(self, *consumers: str) -> Relay:
        """Return one more relay."""
        return Relay(self.store, self.cluster, "relay", consumers or CONSUMERS, self.translations)

    async def waiting(self, consumer: str) -> int:
        """Return how many records a consumer has not committed, in all processes together."""
        ends = await self.cluster.ends(self.config.topic)
        done = await self.cluster.done(consumer, self.config.topic, sorted(ends))
        return sum(end - done[n].offset for n, end in ends.items())

    async def bus(self) -> KafkaBus:
        made = KafkaBus(self.store, self.cluster)
        self._buses.append(made)
        return made

    async def killed(self, bus: Bus) -> None:
        self._buses.remove(bus)
        await bus.close()  # what it took and did not commit is all that this leaves behind

    async def close(self) -> None:
        for bus in self._buses:
            await bus.close()
        await self.relay.close()
