"""The embedded bus: the store's outbox itself."""

from __future__ import annotations

import pytest

from resonance.engines.outbox.bus import OutboxBus
from resonance.ports.bus import Bus
from resonance.ports.store import Store
from tests.contract.bus.suite_bus import BusSuite, World


class OutboxWorld(World):
    """Processes of which one at a time is alive."""

    async def bus(self) -> Bus:
        return OutboxBus(self.store)

    async def killed(self, bus: Bus) -> None:
        pass

    async def close(self) -> None:
        pass


class TestOutboxBus(BusSuite):
    @pytest.fixture
    def world(self, store: Store) -> World:
        return OutboxWorld(store)
