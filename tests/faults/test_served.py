"""The server on a database server: kill -9 of either under load loses nothing, and ours comes back by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncmy
import asyncpg
import pytest
from pydantic import SecretStr

from resonance.config.engines import StoreConfig
from resonance.engines.mysql.address import parameters
from tests.e2e.servers import Deployment
from tests.engines import SERVED, Server
from tests.engines.postgres import PostgresServer
from tests.faults.talkers import Row, finish, talk_through
from tests.faults.test_kill import LINK, ROUNDS, start_talking

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

_LOG = "SELECT seq, sender, client_msg_id, content FROM entries WHERE conversation_id = {} ORDER BY seq"
CASES = [("serve", "serve"), ("serve", "server"), ("split", "repo")]


@pytest.fixture(params=[pytest.param(name, marks=getattr(pytest.mark, name)) for name in SERVED])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with SERVED[request.param]() as running:
        yield running


@pytest.mark.parametrize(("topology", "victim"), CASES)
async def test_a_kill_loses_nothing(topology: str, victim: str, server: Server, tmp_path: Path) -> None:
    deployment = Deployment(
        topology,
        tmp_path,
        RESONANCE_STORE__KIND=server.kind,
        RESONANCE_STORE__URL=server.url(),
        RESONANCE_STORE__TIMEOUT="3",
        **LINK,
    )

    async def kill() -> None:
        if victim == "server":
            await asyncio.to_thread(server.crash)
            await asyncio.to_thread(server.start)
        else:
            await deployment.kill_and_restart(victim)

    await deployment.start()
    try:
        talkers = await start_talking(deployment, pairs=3)
        await talk_through(talkers, ROUNDS, 20, kill)
        await finish(talkers, table(server))
        assert not deployment.database.exists(), "the embedded store was used"
    finally:
        await deployment.stop()


def table(server: Server) -> Callable[[str], Awaitable[list[Row]]]:
    """Return what reads conversations of a server, for `finish`."""
    return lambda conversation: stored(server, conversation)


async def stored(server: Server, conversation: str) -> list[Row]:
    """Return a conversation's messages, straight from the table."""
    if isinstance(server, PostgresServer):
        connection = await asyncpg.connect(server.url())
        try:
            return [tuple(row) for row in await connection.fetch(_LOG.format("$1"), conversation)]
        finally:
            await connection.close()
    async with (
        asyncmy.connect(**parameters(StoreConfig(kind="mysql", url=SecretStr(server.url())))) as other,
        other.cursor() as cursor,
    ):
        await cursor.execute(_LOG.format("%s"), [conversation])
        return [tuple(row) for row in await cursor.fetchall()]
