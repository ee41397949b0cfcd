"""Roles that find one another in etcd: nothing but etcd's address is configured."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from resonance.config.engines import EtcdConfig
from resonance.engines.etcd.registry import EtcdRegistry
from resonance.ports.registry import Watch
from tests.e2e.servers import Deployment, Process
from tests.engines.etcd import EtcdServer, etcd_server
from tests.faults.talkers import finish, reader, some_more_acks
from tests.faults.test_kill import LINK, start_talking

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(180)]

TTL_S = 2
SERVICES = ("logic-service", "repo-service", "gateway-service", "task-service")
ANYWHERE = {
    "RESONANCE_ENDPOINTS": '{"logic-service": "127.0.0.1:1", "repo-service": "127.0.0.1:1"}',  # nobody is there
    "RESONANCE_ROLES__LOGIC_LISTEN": "127.0.0.1:0",
    "RESONANCE_ROLES__REPO_LISTEN": "127.0.0.1:0",
    "RESONANCE_REGISTRY__KIND": "etcd",
    "RESONANCE_REGISTRY__TTL": str(TTL_S),
}


@pytest.fixture(scope="module")
def etcd() -> Iterator[EtcdServer]:
    with etcd_server() as server:
        yield server


@pytest.fixture
async def deployment(etcd: EtcdServer, tmp_path: Path) -> AsyncIterator[Deployment]:
    """All roles, each on ports that only the registry knows."""
    prefix = f"/{tmp_path.name}"
    places = {"RESONANCE_ETCD__ENDPOINTS": etcd.endpoint, "RESONANCE_ETCD__PREFIX": prefix}
    deployment = Deployment("split", tmp_path, **ANYWHERE, **places, **LINK)
    try:
        await deployment.start()
        yield deployment
    finally:
        await deployment.stop()


@asynccontextmanager
async def watching(deployment: Deployment, service: str) -> AsyncIterator[Watch]:
    """See the instances of a service as a role would."""
    environment = deployment.environment
    config = EtcdConfig(
        endpoints=(environment["RESONANCE_ETCD__ENDPOINTS"],), prefix=environment["RESONANCE_ETCD__PREFIX"]
    )
    registry = EtcdRegistry(config, TTL_S)
    try:
        yield await registry.watch(service)
    finally:
        await registry.close()


async def test_all_roles_are_there_and_work(deployment: Deployment) -> None:
    talkers = await start_talking(deployment, pairs=1)
    await some_more_acks(talkers, 5)
    await finish(talkers, reader(deployment.database))
    for service in SERVICES:
        async with watching(deployment, service) as watch:
            [instance] = watch.instances
            assert instance.metadata["metrics"].startswith("http://127.0.0.1:")
            assert not instance.draining


async def test_status_shows_who_is_there(deployment: Deployment) -> None:
    """As JSON for scripts, as a table for people; also who has just died, until its lease ends."""
    measured = re.compile("task_lag_events")
    await deployment.processes["task"].wait_metrics(lambda samples: any(map(measured.match, samples)))
    code, output = await deployment.command("status", "--json")
    rows = {row["role"]: row for row in map(json.loads, output.splitlines())}
    assert (code, {role: row["health"] for role, row in rows.items()}) == (
        0,
        dict.fromkeys(deployment.processes, "ready"),
    )
    assert rows["gateway"]["address"] == deployment.front.addresses["http"]
    assert rows["gateway"]["connections"] == 0
    assert rows["task"]["lag"] == 0
    await deployment.processes["task"].kill()
    code, output = await deployment.command("status")
    [line] = [line for line in output.splitlines() if line.startswith("task")]
    assert "unreachable" in line


async def test_status_says_when_nobody_is_there(etcd: EtcdServer, tmp_path: Path) -> None:
    places = {"RESONANCE_ETCD__ENDPOINTS": etcd.endpoint, "RESONANCE_ETCD__PREFIX": "/nobody"}
    code, output = await Deployment("split", tmp_path, **ANYWHERE, **places).command("status")
    assert (code, "etcd.prefix" in output) == (1, True)


def waits_for_repo(entry: dict[str, Any]) -> bool:
    """Say whether a line tells that nobody is known to be repo."""
    return "no instance of repo-service is known" in entry.get("error", "")


async def test_roles_wait_for_etcd_at_their_start(tmp_path: Path) -> None:
    with etcd_server() as late:
        late.crash()
        deployment = Deployment("split", tmp_path, **ANYWHERE, RESONANCE_ETCD__ENDPOINTS=late.endpoint, **LINK)
        try:
            starting = asyncio.create_task(deployment.start())
            await deployment.processes["logic"].wait_log(waits_for_repo)
            await asyncio.to_thread(late.start)
            await starting
        finally:
            await deployment.stop()


async def test_a_logic_is_replaced_without_a_pause(deployment: Deployment) -> None:
    """The old one says that it wants no work and goes; clients notice nothing but their next logic."""
    talkers = await start_talking(deployment, pairs=2)
    await some_more_acks(talkers, 5)
    old = deployment.processes["logic"]
    new = Process("logic", deployment.folder, {**deployment.environment, "RESONANCE_SERVICE__INSTANCE": "1"})
    deployment.processes["logic"] = new
    async with watching(deployment, "logic-service") as watch:
        before = watch.instances
        await new.start()
        both = await watch.wait(before)
        assert len(both) == 2
        old.send_signal(signal.SIGTERM)
        draining = await watch.wait(both)
        assert [one.draining for one in draining if one in before or one.id == before[0].id] == [True]
        assert await old.wait_exit() == 0
        while watch.instances == draining:
            await watch.wait(draining)
        [left] = watch.instances
        assert left.id.startswith("logic-001-")
    await some_more_acks(talkers, 10)
    await finish(talkers, reader(deployment.database))
    assert all(talker.connections == 1 for talker in talkers), "the gateway stayed, and so do its connections"


async def test_who_was_killed_is_gone_and_its_successor_is_found(deployment: Deployment) -> None:
    """At another port: nobody is told where but by etcd."""
    talkers = await start_talking(deployment, pairs=1)
    await some_more_acks(talkers, 5)
    async with watching(deployment, "repo-service") as watch:
        before = watch.instances
        repo = deployment.processes["repo"]
        address = repo.addresses["repo"]
        await repo.kill()
        await repo.start()
        assert repo.addresses["repo"] != address
        async with asyncio.timeout(TTL_S + 10):
            while before[0] in watch.instances:
                await watch.wait(watch.instances)
        assert len(watch.instances) == 1
    await some_more_acks(talkers, 10)
    await finish(talkers, reader(deployment.database))
