"""The server on PostgreSQL: kill -9 of either under load loses nothing, and the server comes back by itself."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.e2e.servers import Deployment
from tests.engines.postgres import PostgresServer, postgres_server
from tests.faults.talkers import Row, check
from tests.faults.test_kill import LINK, ROUNDS, some_more_acks, start_talking

pytestmark = [pytest.mark.faults, pytest.mark.postgres, pytest.mark.timeout(300)]

_LOG = "SELECT seq, sender, client_msg_id, content FROM entries WHERE conversation_id = $1 ORDER BY seq"


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.mark.parametrize(("topology", "victim"), [("serve", "serve"), ("serve", "postgres"), ("split", "repo")])
async def test_a_kill_loses_nothing(topology: str, victim: str, postgres: PostgresServer, tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    url = postgres.url("postgres")
    deployment = Deployment(
        topology,
        tmp_path,
        RESONANCE_STORE__KIND="postgres",
        RESONANCE_STORE__URL=url,
        RESONANCE_STORE__TIMEOUT="3",
        **LINK,
    )
    await deployment.start()
    try:
        talkers = await start_talking(deployment, pairs=3)
        for _ in range(ROUNDS):
            await some_more_acks(talkers, rng.randrange(5, 20))
            if victim == "postgres":
                await asyncio.to_thread(postgres.stop, "immediate")
                await asyncio.to_thread(postgres.start)
            else:
                await deployment.kill_and_restart(victim)
        await some_more_acks(talkers, 10)
        for talker in talkers:
            await talker.stop()
        for talker in talkers:
            rows = await stored(url, talker.conversation)
            await talker.wait_seen(len(rows))
            check([other for other in talkers if other.conversation == talker.conversation], rows)
            await talker.close()
        assert not deployment.database.exists(), "the embedded store was used"
    finally:
        await deployment.stop()


async def stored(url: str, conversation: str) -> list[Row]:
    """Return a conversation's messages, straight from the table."""
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(_LOG, conversation)]
    finally:
        await connection.close()
