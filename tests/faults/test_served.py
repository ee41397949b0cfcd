"""The server on a database server: kill -9 of either under load loses nothing, and ours comes back by itself."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import asyncmy
import asyncpg
import pytest
from pydantic import SecretStr

from resonance.config.settings import StoreConfig
from resonance.engines.mysql.address import parameters
from tests.e2e.servers import Deployment
from tests.engines import SERVED, Server
from tests.engines.postgres import PostgresServer
from tests.faults.talkers import Row, check
from tests.faults.test_kill import LINK, ROUNDS, some_more_acks, start_talking

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

_LOG = "SELECT seq, sender, client_msg_id, content FROM entries WHERE conversation_id = {} ORDER BY seq"
CASES = [("serve", "serve"), ("serve", "server"), ("split", "repo")]


@pytest.fixture(params=[pytest.param(name, marks=getattr(pytest.mark, name)) for name in SERVED])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with SERVED[request.param]() as running:
        yield running


@pytest.mark.parametrize(("topology", "victim"), CASES)
async def test_a_kill_loses_nothing(topology: str, victim: str, server: Server, tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    deployment = Deployment(
        topology,
        tmp_path,
        RESONANCE_STORE__KIND=server.kind,
        RESONANCE_STORE__URL=server.url(),
        RESONANCE_STORE__TIMEOUT="3",
        **LINK,
    )
    await deployment.start()
    try:
        talkers = await start_talking(deployment, pairs=3)
        for _ in range(ROUNDS):
            await some_more_acks(talkers, rng.randrange(5, 20))
            if victim == "server":
                await asyncio.to_thread(server.crash)
                await asyncio.to_thread(server.start)
            else:
                await deployment.kill_and_restart(victim)
        await some_more_acks(talkers, 10)
        for talker in talkers:
            await talker.stop()
        for talker in talkers:
            rows = await stored(server, talker.conversation)
            await talker.wait_seen(len(rows))
            check([other for other in talkers if other.conversation == talker.conversation], rows)
            await talker.close()
        assert not deployment.database.exists(), "the embedded store was used"
    finally:
        await deployment.stop()


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
