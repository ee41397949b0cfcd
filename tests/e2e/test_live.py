"""Live configuration of running servers: limits and the log level change, and connections stay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.clients import HttpError, User, fetch
from tests.e2e.servers import Deployment
from tests.engines.etcd import EtcdServer, etcd_server

APPLIED = "live configuration applied"
REFUSED = "live configuration refused: nothing of it is applied"


class Place:
    """Where a deployment's live keys are written."""

    environment: Mapping[str, str]

    async def write(self, deployment: Deployment, section: str, **keys: str) -> None:
        """Make these keys of a section all that is written; `__` in a name stands for a dot."""
        raise NotImplementedError


class File(Place):
    """live.yaml in the data folder."""

    environment: Mapping[str, str] = {"RESONANCE_LIVE__INTERVAL": "0.05"}

    async def write(self, deployment: Deployment, section: str, **keys: str) -> None:
        path = deployment.folder / "data" / "live.yaml"
        new = path.with_suffix(".new")
        lines = [f"  {name.replace('__', ': {')}: {text}{'}' * name.count('__')}\n" for name, text in keys.items()]
        new.write_text(f"{section}:\n{''.join(lines)}")
        new.rename(path)


class Etcd(Place):
    """Keys in etcd."""

    def __init__(self, server: EtcdServer) -> None:
        self._server = server
        self.environment = {
            "RESONANCE_LIVE__KIND": "etcd",
            "RESONANCE_ETCD__ENDPOINTS": server.endpoint,
            "RESONANCE_ETCD__PREFIX": "/live",
        }

    async def write(self, deployment: Deployment, section: str, **keys: str) -> None:
        prefix = "/live/config/"
        values = {f"{prefix}{section}.{name.replace('__', '.')}": value for name, value in keys.items()}
        await asyncio.to_thread(self._server.replace, prefix, values)


@pytest.fixture(params=["file", pytest.param("etcd", marks=pytest.mark.etcd)])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "file":
        yield File()
        return
    with etcd_server() as server:
        yield Etcd(server)


@asynccontextmanager
async def running(topology: str, place: Place, folder: Path) -> AsyncIterator[Deployment]:
    deployment = Deployment(topology, folder, **place.environment)
    try:
        await deployment.start()
        yield deployment
    finally:
        await deployment.stop()


async def heard(deployment: Deployment, role: str, event: str, since: int) -> dict[str, Any]:
    """Wait until a role has said what became of a change."""
    return await deployment.processes[role].wait_log(lambda entry: entry["event"] == event, since)


@pytest.mark.parametrize("topology", ["serve", "split"])
async def test_limits_and_the_log_level_change(topology: str, place: Place, tmp_path: Path) -> None:
    async with running(topology, place, tmp_path) as deployment:
        anna = await User.register(deployment.url, "anna")
        bert = await User.register(deployment.url, "bert")
        logic, front = deployment.logic, deployment.front

        await place.write(deployment, "http", per_address_per_second="0.1")
        entry = await heard(deployment, front.role, APPLIED, 0)
        assert entry["changed"] == ["http.per_address_per_second"]
        statuses = [(await fetch(f"{deployment.url}/api/v1/nothing"))[0] for _ in range(3)]
        assert 429 in statuses

        # whole: the good key beside a wrong one is not taken over, and the limit of before still holds
        seen = len(front.log)
        await place.write(deployment, "messages", queue_limit="5", batch_max="none")
        refusal = await heard(deployment, front.role, REFUSED, seen)
        assert "messages.batch_max: 'none' is not allowed" in refusal["problems"][0]
        assert (await fetch(f"{deployment.url}/api/v1/nothing"))[0] == 429

        seen_by = len(logic.log), len(front.log)
        await place.write(deployment, "messages", per_user_per_second="0.1")
        await heard(deployment, logic.role, APPLIED, seen_by[0])
        await heard(deployment, front.role, APPLIED, seen_by[1])
        conversation = (await anna.post("/conversations", user_id=bert.name))["conversation_id"]
        path = f"/conversations/{conversation}/messages"
        await anna.post(path, client_msg_id="first", content="hi")
        with pytest.raises(HttpError) as caught:
            await anna.post(path, client_msg_id="second", content="hi")
        assert (caught.value.status, caught.value.problem["code"]) == (429, "rate_limited")


async def test_debug_lines_come(place: Place, tmp_path: Path) -> None:
    async with running("serve", place, tmp_path) as deployment:
        server = deployment.front
        await fetch(f"{deployment.url}/healthz")  # told at debug
        await place.write(deployment, "observability", log__level="debug")
        await heard(deployment, "serve", APPLIED, 0)
        seen = len(server.log)
        assert not any(entry.get("level") == "debug" for entry in server.log)
        await fetch(f"{deployment.url}/healthz")
        await server.wait_log(lambda entry: entry.get("level") == "debug", seen)
