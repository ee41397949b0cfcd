"""A further dialect is a folder and a line: a whole server speaks it, and nothing else has to know it."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import websockets

from resonance.config import Settings
from resonance.config import settings as config
from resonance.config.load import Loaded
from resonance.gateway import dialects
from resonance.node import Node
from tests.e2e.clients import Socket, people
from tests.e2e.dialects.client import WAIT_S
from tests.e2e.dialects.fourth import FourthDialect
from tests.e2e.dialects.http import request


@pytest.fixture
async def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """A server in this process whose registry has a line more."""
    monkeypatch.setattr(dialects, "DIALECTS", (*dialects.DIALECTS, FourthDialect))
    settings = Settings(
        data_dir=tmp_path / "data",
        service=config.Service(host="127.0.0.1", http_port=0, grpc_port=0),
        accounts=config.AccountsConfig(hash_memory_kib=8, hash_time=1),
        observability=config.Observability(metrics=config.Metrics(port=0)),
    )
    ready: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
    node = asyncio.create_task(Node("serve", Loaded(settings, "dev", {}, []), ready.set_result).run())
    node.add_done_callback(lambda _: ready.cancel())
    async with asyncio.timeout(WAIT_S):
        addresses = await ready
    yield addresses["http"]
    signal.raise_signal(signal.SIGTERM)
    async with asyncio.timeout(WAIT_S):
        await node


async def test_a_fourth_dialect_is_a_folder_and_a_line(url: str) -> None:
    ann, bob = await people(url, "ann", "bob")
    headers = {"Authorization": f"Bearer {ann.token}"}
    said = await request(url, "GET", "/fourth/hello", headers=headers)
    assert (said.status, said.body.decode()) == (200, f"hello {ann.name}")
    refused = await request(url, "GET", "/fourth/hello")
    assert (refused.status, refused.body) == (401, b"no unauthenticated")
    missing = await request(url, "GET", "/fourth/nothing")
    assert (missing.status, missing.body) == (404, b"no not_found")

    at_bob = await Socket.open(bob)
    async with (
        asyncio.timeout(WAIT_S),
        websockets.connect(f"{url.replace('http', 'ws', 1)}/ws?token={ann.token}&dialect=fourth") as socket,
    ):
        await socket.send("dance")
        assert await socket.recv() == "no say: tell WHOM WHAT"
        await socket.send(f"tell {bob.name} hello there")
        assert await socket.recv() == "told 1"
        pushed = await at_bob.wait(lambda packet: "push" in packet)
        assert (pushed["push"]["content"], pushed["push"]["fromUsername"]) == ("hello there", ann.name)
        await at_bob.chat(pushed["push"]["sessionId"], "and back")
        assert await socket.recv() == f"heard {bob.name} and back"

    described = json.loads((await request(url, "GET", "/openapi-fourth.json")).body)
    assert list(described["paths"]) == ["/fourth/hello"]
    channels = json.loads((await request(url, "GET", "/asyncapi.json")).body)["channels"]
    assert "receive.tell" in channels["fourth"]["messages"]
