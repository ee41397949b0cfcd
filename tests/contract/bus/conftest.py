"""A store with people, a broker per module, and topics and groups per test."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from resonance.config.engines import KafkaConfig, StoreConfig
from resonance.engines.sqlite.store import SqliteStore
from resonance.ports.store import Store
from tests.contract.bus.kafka_world import KafkaWorld
from tests.contract.store.making import people
from tests.engines.kafka import KafkaServer, kafka_server


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    engine = SqliteStore(tmp_path / "resonance.db", StoreConfig())
    await engine.start()
    yield engine
    engine.close()
    await engine.join()


@pytest.fixture
async def chat(store: Store) -> str:
    """A conversation of anna's and bert's; there is carl, too."""
    await people(store, "anna", "bert", "carl")
    return (await store.open_single("anna", "bert")).id


@pytest.fixture(scope="module")
def kafka() -> Iterator[KafkaServer]:
    """A broker; whoever stops it starts it again."""
    with kafka_server() as running:
        yield running


@pytest.fixture
def kafka_config(kafka: KafkaServer) -> KafkaConfig:
    """Topics and groups that nobody else uses."""
    name = f"test-{secrets.token_hex(6)}"
    return KafkaConfig(
        brokers=(kafka.address,), topic=name, dead_letters=f"{name}.dead", group=name, partitions=3, session=2
    )


@pytest.fixture
async def kafka_world(store: Store, kafka_config: KafkaConfig) -> AsyncIterator[KafkaWorld]:
    """A relay that publishes, and as many processes as a test asks for."""
    made = KafkaWorld(store, kafka_config)
    made.relay.start()
    yield made
    await made.close()
