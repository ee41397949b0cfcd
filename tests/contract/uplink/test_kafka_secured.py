"""A broker that asks for a certificate and a password, over an encrypted connection: ours get in, others do not."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from resonance.config.engines import KafkaConfig
from resonance.domain.errors import Code, ServiceError
from resonance.engines.kafka.cluster import Cluster
from resonance.engines.kafka.intake import KafkaIntake
from tests.contract.uplink.test_kafka_ends import gateway, item, take
from tests.engines.kafka import KafkaServer, kafka_server

pytestmark = pytest.mark.kafka

PASSWORD = secrets.token_hex(12)


@pytest.fixture(scope="module")
def kafka() -> Iterator[KafkaServer]:
    with kafka_server("resonance", PASSWORD) as running:
        yield running


def config(kafka: KafkaServer, **changes: object) -> KafkaConfig:
    """Return what gets in, but for some changes; topics and groups are nobody else's."""
    name = f"test-{secrets.token_hex(6)}"
    keys: dict[str, object] = {
        "brokers": (kafka.secured,),
        "user": "resonance",
        "password": SecretStr(PASSWORD),
        "ca": kafka.certificate,
        "certificate": kafka.certificate,
        "key": kafka.key,
        "upstream": f"{name}-up",
        "upstream_group": name,
        "downstream": f"{name}-down-",
        "partitions": 1,
        "session": 2,
    }
    return KafkaConfig.model_validate(keys | changes)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
async def test_messages_take_an_encrypted_way_with_a_password(kafka: KafkaServer, mechanism: str) -> None:
    cluster = Cluster(config(kafka, mechanism=mechanism))
    end, intake = await gateway(cluster), None
    try:
        assert end.send([item(1, "c")]) == []
        intake = KafkaIntake(cluster)
        taken, _ = await take(intake, 1)
        assert [one.item.ref for one in taken] == [1]
    finally:
        await end.close()
        if intake is not None:
            await intake.close()


async def test_nobody_else_gets_in(kafka: KafkaServer) -> None:
    wrong: list[dict[str, object]] = [
        {"password": SecretStr("another")},
        {"certificate": None, "key": None},
        {"user": ""},
        {"ca": None, "certificate": None, "key": None},
    ]
    attempts = [Cluster(config(kafka, **changes)).ensure("any") for changes in wrong]
    for outcome in await asyncio.gather(*attempts, return_exceptions=True):
        assert isinstance(outcome, ServiceError)
        assert outcome.code is Code.UNAVAILABLE
