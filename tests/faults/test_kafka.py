"""Kafka as the bus under faults: users notice nothing of Kafka, and derived work is done once it can be."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.e2e.servers import Deployment, Process
from tests.engines.kafka import KafkaServer, kafka_server
from tests.faults.receipts import Pair
from tests.faults.test_kill import LINK

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(300)]

ROUNDS = 20 if os.environ.get("RESONANCE_SOAK") else 2
OUTAGE_MESSAGES = 20
OUTAGE_S = 30.0 if os.environ.get("RESONANCE_SOAK") else 0.0
"""How long Kafka is away at least."""
RECOVERY_S = 40.0
"""How long Kafka, its coordinators and our connections may take to be back."""


@pytest.fixture(scope="module")
def kafka() -> Iterator[KafkaServer]:
    with kafka_server() as server:
        yield server


@pytest.fixture(params=["serve", "split"])
async def deployment(request: pytest.FixtureRequest, kafka: KafkaServer, tmp_path: Path) -> AsyncIterator[Deployment]:
    """A server whose bus is Kafka; split, with two tasks."""
    name = f"test-{secrets.token_hex(6)}"
    settings = {
        "RESONANCE_BUS__KIND": "kafka",
        "RESONANCE_BUS__LEASE": "2",
        "RESONANCE_KAFKA__BROKERS": kafka.address,
        "RESONANCE_KAFKA__TOPIC": name,
        "RESONANCE_KAFKA__DEAD_LETTERS": f"{name}.dead",
        "RESONANCE_KAFKA__GROUP": name,
        "RESONANCE_KAFKA__PARTITIONS": "4",
        "RESONANCE_KAFKA__SESSION": "2",
    }
    made = Deployment(request.param, tmp_path, **LINK, **settings)
    if request.param == "split":
        made.processes["task2"] = Process("task", tmp_path, dict(made.environment))
    try:
        await made.start()
        yield made
    finally:
        await made.stop()


async def pairs(deployment: Deployment, count: int) -> list[Pair]:
    return [await Pair.meet(deployment.url) for _ in range(count)]


async def everybody_writes(people: list[Pair], times: int = 1) -> None:
    for _ in range(times):
        await asyncio.gather(*(pair.write() for pair in people))


async def everybody_is_told(people: list[Pair], within_s: float = RECOVERY_S) -> None:
    await asyncio.gather(*(pair.wait_told(within_s) for pair in people))


async def test_kafka_goes_away_and_comes_back(deployment: Deployment, kafka: KafkaServer) -> None:
    people = await pairs(deployment, 4)
    await everybody_writes(people)
    await everybody_is_told(people)
    kafka.crash()
    over = asyncio.get_running_loop().time() + OUTAGE_S
    try:
        async with asyncio.timeout(OUTAGE_S + 30):
            await everybody_writes(people, OUTAGE_MESSAGES)  # acked and pushed: nobody waits for Kafka
            while asyncio.get_running_loop().time() < over:
                await everybody_writes(people)
    finally:
        await asyncio.to_thread(kafka.start)
    await everybody_is_told(people)
    for pair in people:
        await pair.close()


async def test_a_server_starts_while_kafka_is_away(deployment: Deployment, kafka: KafkaServer) -> None:
    kafka.crash()
    try:
        for role in [name for name in deployment.processes if name in {"serve", "task"}]:
            await deployment.kill_and_restart(role)
        people = await pairs(deployment, 2)
        await everybody_writes(people)
    finally:
        await asyncio.to_thread(kafka.start)
    await everybody_is_told(people)
    for pair in people:
        await pair.close()


@pytest.mark.parametrize("deployment", ["split"], indirect=True)
async def test_tasks_are_killed_in_the_middle_of_their_work(deployment: Deployment) -> None:
    """Between its work and its commits: what was done is done again, and nothing is left out."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    people = await pairs(deployment, 6)
    for _ in range(ROUNDS):
        for victim in ("task", "task2"):
            writing = asyncio.create_task(everybody_writes(people, 10))
            await asyncio.sleep(rng.random() * 0.5)
            await deployment.kill_and_restart(victim)
            await writing
    await everybody_is_told(people)
    for pair in people:
        await pair.close()


@pytest.mark.parametrize("deployment", ["split"], indirect=True)
async def test_without_one_of_two_tasks_the_other_does_everything(deployment: Deployment) -> None:
    people = await pairs(deployment, 6)
    await everybody_writes(people)
    await everybody_is_told(people)
    await deployment.processes["task"].kill()
    await everybody_writes(people)
    await everybody_is_told(people, 2 * 2 + 10)
    for pair in people:
        await pair.close()
