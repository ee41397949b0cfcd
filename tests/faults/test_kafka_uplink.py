"""Messages by way of Kafka under faults: nothing acked is lost, doubled or out of order, and nobody stays stale."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.clients import Socket, User
from tests.e2e.servers import Deployment
from tests.engines.kafka import KafkaServer, kafka_server
from tests.faults.talkers import finish, noticed, reader, talk_through
from tests.faults.test_kill import LINK, SOAK, start_talking

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaServer]:
    with kafka_server() as running:
        yield running


def over_kafka(broker: KafkaServer, folder: Path) -> dict[str, str]:
    """Return the configuration of an uplink over a broker, with topics of the test's own."""
    return {
        "RESONANCE_UPLINK": "kafka",
        "RESONANCE_KAFKA__BROKERS": f'["{broker.address}"]',
        "RESONANCE_KAFKA__UPSTREAM": f"up-{folder.name}",
        "RESONANCE_KAFKA__UPSTREAM_GROUP": f"logic-{folder.name}",
        "RESONANCE_KAFKA__DOWNSTREAM": f"down-{folder.name}-",
        "RESONANCE_KAFKA__PARTITIONS": "4",
        "RESONANCE_KAFKA__SESSION": "2",
        **LINK,
    }


ROUNDS = 5 if SOAK else 2
OUTAGE_S = 30.0 if SOAK else 0.0
"""How long Kafka is away."""

CASES = [
    ("serve", "serve"),
    ("split", "gateway"),
    ("split", "logic"),
    ("split", "repo"),
    ("split", "task"),
    ("split", "broker"),
]


@pytest.mark.parametrize(("topology", "victim"), CASES, ids=[f"{t}-{v}" for t, v in CASES])
async def test_a_kill_loses_nothing(topology: str, victim: str, broker: KafkaServer, tmp_path: Path) -> None:
    deployment = Deployment(topology, tmp_path, **over_kafka(broker, tmp_path))

    async def kill() -> None:
        async with noticed(talkers, f"{victim} killed, {OUTAGE_S:.0f} s away"):
            if victim == "broker":
                await asyncio.to_thread(broker.crash)
                await asyncio.sleep(OUTAGE_S)
                await asyncio.to_thread(broker.start)
            else:
                await deployment.kill_and_restart(victim)

    await deployment.start()
    try:
        talkers = await start_talking(deployment, pairs=3)
        await talk_through(talkers, ROUNDS, 20, kill)
        await finish(talkers, reader(deployment.database))
    finally:
        await deployment.stop()


async def test_pushes_that_die_in_a_logic_are_made_up_for(broker: KafkaServer, tmp_path: Path) -> None:
    """Kafka is away, so a push waits in logic, which dies; no heartbeat may have claimed that it was given."""
    deployment = Deployment("split", tmp_path, **over_kafka(broker, tmp_path))
    await deployment.start()
    socket = None
    try:
        ann, bob = await User.register(deployment.url, "ann"), await User.register(deployment.url, "bob")
        conversation = (await ann.post("/conversations", user_id="bob"))["conversation_id"]
        socket = await Socket.open(bob)
        await ann.post("/messages", conversation_id=conversation, content="before", client_msg_id="k1")
        await socket.wait_push("before")
        await asyncio.to_thread(broker.crash)  # one that stands still would read later what it was sent
        try:
            await ann.post("/messages", conversation_id=conversation, content="behind", client_msg_id="k2")
            await some_sweeps(deployment, 4)
            await deployment.processes["logic"].kill()
        finally:
            await asyncio.to_thread(broker.start)
        await deployment.processes["logic"].start()
        # the push, or the order to sync: when the last position that the gateway heard of is from before other events
        await socket.wait(lambda packet: packet.get("push", {}).get("content") == "behind" or "syncHint" in packet)
    finally:
        if socket is not None:
            await socket.close()
        await deployment.stop()


async def some_sweeps(deployment: Deployment, count: int) -> None:
    """Wait until logic has swept this often more, with time for heartbeats between: it asks repo each time."""
    repo = deployment.processes["repo"]

    def asked(samples: dict[str, float]) -> float:
        return sum(
            value for name, value in samples.items() if "grpc_requests_total" in name and "/ConsumerPosition" in name
        )

    before = asked(await repo.metrics())
    await repo.wait_metrics(lambda samples: asked(samples) >= before + 2 * count)
