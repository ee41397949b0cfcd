"""A logic that joins a cluster: it wants no work before the gateways there can be pushed to through it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from resonance import discovery
from resonance.config import Settings
from resonance.discovery import Discovery
from resonance.domain.model import Route
from resonance.engines.memory.counters import MemoryCounters
from resonance.engines.memory.routes import MemoryRoutes
from resonance.engines.sqlite.store import SqliteStore
from resonance.logic.role import LogicRole
from resonance.ports.registry import Watch
from resonance.services.link import Hello, Welcome
from tests.engines.etcd import etcd_server

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(120)]

PATIENCE_S = 30


class Slow(SqliteStore):
    """A store whose look at devices waits for a gate."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, Settings().store)
        self.gate = asyncio.Event()
        self.looked = asyncio.Event()

    async def device_states(self, device_ids: Sequence[str]) -> dict[str, str]:
        self.looked.set()
        await self.gate.wait()
        return await super().device_states(device_ids)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Slow]:
    made = Slow(tmp_path / "resonance.db")
    await made.start()
    yield made
    made.close()
    await made.join()


@pytest.fixture
async def settings(tmp_path: Path) -> AsyncIterator[Settings]:
    with etcd_server() as etcd:
        yield Settings.model_validate(
            {
                "data_dir": tmp_path,
                "registry": {"kind": "etcd", "ttl": 5},
                "etcd": {"endpoints": [etcd.endpoint]},
            }
        )


@pytest.fixture
async def logic(store: Slow, settings: Settings) -> AsyncIterator[LogicRole]:
    made = LogicRole(store, MemoryRoutes(), MemoryCounters(), settings, b"x" * 32)
    await made.start()
    yield made
    await made.close()


async def until_wanted(watch: Watch, *, draining: bool) -> None:
    """Wait until the only instance there says that it wants work, or that it wants none."""
    instances = watch.instances
    while [one.draining for one in instances] != [draining]:
        instances = await watch.wait(instances)


async def test_a_new_logic_waits_until_it_knows_the_connections_of_every_gateway(
    logic: LogicRole, store: Slow, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "JOIN_S", 12.0)
    asked = asyncio.Event()

    def linked() -> int:
        asked.set()
        return logic.linked()

    gateway, joining = Discovery("gateway", settings), Discovery("logic", settings)
    async with asyncio.timeout(PATIENCE_S):
        await gateway.announce({"grpc": "127.0.0.1:1"})
        watch = (await gateway.pool(settings.logic_service_name)).watch
        announcing = asyncio.create_task(joining.announce({"logic": "127.0.0.1:2"}, linked))
        await until_wanted(watch, draining=True)
        welcomed = asyncio.Event()
        session = logic.link.open(lambda frame: welcomed.set() if isinstance(frame, Welcome) else None, lambda: None)
        session.receive(Hello("gateway-000", 1, "", 0, [Route("ann", 1, 0, "phone", "")]))
        await store.looked.wait()
        for _ in range(2):
            asked.clear()
            await asked.wait()
        assert not announcing.done(), "the gateway's connections are not known yet"
        store.gate.set()
        await welcomed.wait()
        await announcing
        await until_wanted(watch, draining=False)
    await joining.close()
    await gateway.close()
