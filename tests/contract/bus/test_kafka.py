"""Kafka as the bus, fed by a relay from the store's outbox."""

from __future__ import annotations

import pytest

from tests.contract.bus.kafka_world import KafkaWorld
from tests.contract.bus.suite_bus import BusSuite, World

pytestmark = pytest.mark.kafka


class TestKafkaBus(BusSuite):
    @pytest.fixture
    def world(self, kafka_world: KafkaWorld) -> World:
        return kafka_world
