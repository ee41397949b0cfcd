"""Kafka as the bus, fed by a relay from the store's outbox."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from resonance.config.settings import KafkaConfig
from resonance.engines.kafka.bus import KafkaBus
from resonance.engines.kafka.cluster import Cluster
from resonance.engines.kafka.relay import Relay
from resonance.ports.bus import Bus
from resonance.ports.store import Store
from tests.contract.bus.suite_bus import BusSuite, World
from tests.engines.kafka import KafkaServer, kafka_server

pytestmark = pytest.mark.kafka

CONSUMERS = ("a", "b", "c", "slow", "fast")


@pytest.fixture(scope="module")
def kafka() -> Iterator[KafkaServer]:
    """A broker; whoever stops it starts it again."""
    with kafka_server() as running:
        yield running


@pytest.fixture
def config(kafka: KafkaServer) -> KafkaConfig:
    """Topics and groups that nobody else uses."""
    name = f"test-{secrets.token_hex(6)}"
    return KafkaConfig(
        brokers=(kafka.address,), topic=name, dead_letters=f"{name}.dead", group=name, partitions=3, session=2
    )


class KafkaWorld(World):
    """A relay, and processes that share the partitions."""

    def __init__(self, store: Store, config: KafkaConfig) -> None:
        super().__init__(store)
        self.cluster = Cluster(config)
        self.relay = Relay(store, self.cluster, "relay", CONSUMERS)
        self._buses: list[Bus] = []

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


@pytest.fixture
async def world(store: Store, config: KafkaConfig) -> AsyncIterator[KafkaWorld]:
    made = KafkaWorld(store, config)
    made.relay.start()
    yield made
    await made.close()


class TestKafkaBus(BusSuite):
    pass
