"""A cluster on PostgreSQL, etcd and Kafka, two of each role, whose messages take Kafka: any may die, or be replaced."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster
from tests.engines.kafka import KafkaServer, kafka_server
from tests.engines.postgres import PostgresServer
from tests.faults.talkers import finish, some_more_acks
from tests.faults.test_cluster import COUNTS, ROUNDS, engines, start_talking
from tests.faults.test_kafka_uplink import over_kafka
from tests.faults.test_served import table

__all__ = ["engines"]

pytestmark = [pytest.mark.faults, pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaServer]:
    with kafka_server() as running:
        yield running


@pytest.fixture
async def cluster(
    engines: tuple[PostgresServer, dict[str, str]],
    broker: KafkaServer,
    tmp_path: Path,
) -> AsyncIterator[Cluster]:
    places = {**engines[1], "RESONANCE_ETCD__PREFIX": f"/{tmp_path.name}", **over_kafka(broker, tmp_path)}
    made = Cluster(tmp_path, COUNTS, **places, RESONANCE_ROLES__REPO="local")
    try:
        await made.start()
        yield made
    finally:
        await made.stop()


async def test_every_process_and_the_broker_are_killed_in_turn(
    cluster: Cluster,
    engines: tuple[PostgresServer, dict[str, str]],
    broker: KafkaServer,
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    talkers = await start_talking(cluster, pairs=4)
    for _ in range(ROUNDS):
        names = [*cluster.processes, "broker"]
        rng.shuffle(names)
        for name in names:
            await some_more_acks(talkers, rng.randrange(3, 12))
            if name == "broker":
                await asyncio.to_thread(broker.crash)
                await asyncio.to_thread(broker.start)
            else:
                await cluster.kill_and_restart(name)
    await some_more_acks(talkers, 5)
    await finish(talkers, table(engines[0]))


async def test_every_logic_is_replaced_in_turn(
    cluster: Cluster,
    engines: tuple[PostgresServer, dict[str, str]],
) -> None:
    """Partitions move to others twice each time; those who talk notice nothing."""
    talkers = await start_talking(cluster, pairs=3)
    for name in ("logic-0", "logic-1", "task-0"):
        await some_more_acks(talkers, 3)
        await cluster.roll(name)
    await some_more_acks(talkers, 3)
    assert {talker.connections for talker in talkers} == {1}, "somebody had to connect again"
    await finish(talkers, table(engines[0]))
