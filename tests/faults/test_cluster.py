"""A cluster on PostgreSQL and etcd under load: any process may die, hang or be replaced, and nothing acked is lost."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.clients import User
from tests.e2e.cluster import Cluster
from tests.engines.etcd import etcd_server
from tests.engines.postgres import PostgresServer, postgres_server
from tests.engines.redis import redis_server
from tests.faults.talkers import Talker, finish, meet_and_talk, noticed, some_more_acks
from tests.faults.test_kill import LINK
from tests.faults.test_served import stored, table

pytestmark = [pytest.mark.faults, pytest.mark.cluster, pytest.mark.timeout(300)]

SOAK = bool(os.environ.get("RESONANCE_SOAK"))
ROUNDS = 10 if SOAK else 1
COUNTS = {"logic": 2, "task": 2, "gateway": 2}


@pytest.fixture(scope="module")
def engines() -> Iterator[tuple[PostgresServer, dict[str, str]]]:
    """Servers for all tests of this module, and where they are."""
    with ExitStack() as stack:
        postgres, etcd = stack.enter_context(postgres_server()), stack.enter_context(etcd_server())
        redis = stack.enter_context(redis_server())
        yield (
            postgres,
            {
                "RESONANCE_STORE__KIND": "postgres",
                "RESONANCE_STORE__URL": postgres.url(),
                "RESONANCE_STORE__TIMEOUT": "3",
                "RESONANCE_ETCD__ENDPOINTS": etcd.endpoint,
                "RESONANCE_REDIS__URL": redis.url,
            },
        )


LOCAL, REMOTE, SHARED = "repo: local", "repo: remote", "repo: local, redis"


def on(*kinds: str) -> pytest.MarkDecorator:
    """Run a test on these kinds of clusters; in `make soak` on all."""
    return pytest.mark.parametrize("cluster", (LOCAL, REMOTE, SHARED) if SOAK else kinds, indirect=True)


@pytest.fixture
async def cluster(
    request: pytest.FixtureRequest, engines: tuple[PostgresServer, dict[str, str]], tmp_path: Path
) -> AsyncIterator[Cluster]:
    """Two of each role; every logic and task is repo itself, or there are two of those as well.

    With Redis the logics share their routes and their counters.
    """
    local = request.param.startswith("repo: local")
    counts = COUNTS if local else {"repo": 2, **COUNTS}
    places = {**engines[1], "RESONANCE_ETCD__PREFIX": f"/{tmp_path.name}"}
    if request.param.endswith("redis"):
        places |= {"RESONANCE_REDIS__PREFIX": f"{tmp_path.name}:", "RESONANCE_COUNTERS__KIND": "redis"}
        places["RESONANCE_ROUTES__KIND"] = "redis"
    made = Cluster(tmp_path, counts, **places, RESONANCE_ROLES__REPO="local" if local else "remote", **LINK)
    try:
        await made.start()
        yield made
    finally:
        await made.stop()
        for name, process in made.processes.items():
            for entry in process.log:
                if entry.get("level") not in ("info", "debug"):
                    print(name, entry)


async def start_talking(cluster: Cluster, pairs: int) -> list[Talker]:
    """Let pairs of users talk, the two of a pair over different gateways."""
    return await meet_and_talk(cluster.url(0), cluster.url(1), pairs)


@on(LOCAL, REMOTE, SHARED)
async def test_every_process_is_killed_in_turn(
    cluster: Cluster, engines: tuple[PostgresServer, dict[str, str]]
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    talkers = await start_talking(cluster, pairs=4)
    for _ in range(ROUNDS):
        names = list(cluster.processes)
        rng.shuffle(names)
        for name in names:
            await some_more_acks(talkers, rng.randrange(3, 12))
            async with noticed(talkers, f"kill -9 {name}"):
                await cluster.kill_and_restart(name)
    await some_more_acks(talkers, 5)
    await finish(talkers, table(engines[0]))


@on(REMOTE)
async def test_every_process_is_replaced_in_turn(
    cluster: Cluster, engines: tuple[PostgresServer, dict[str, str]]
) -> None:
    """A rolling restart: those on a gateway that stays notice nothing at all."""
    talkers = await start_talking(cluster, pairs=3)
    for name in (name for name in cluster.processes if not name.startswith("gateway")):
        await some_more_acks(talkers, 3)
        async with noticed(talkers, f"replace {name}"):
            await cluster.roll(name)
    await some_more_acks(talkers, 3)
    assert {talker.connections for talker in talkers} == {1}, "somebody had to connect again"
    for name in ("gateway-0", "gateway-1"):
        async with noticed(talkers, f"replace {name}"):
            await cluster.roll(name)
        await some_more_acks(talkers, 3)
    await finish(talkers, table(engines[0]))


@on(LOCAL)
async def test_a_logic_that_hangs_past_its_lease_is_fenced(
    cluster: Cluster, engines: tuple[PostgresServer, dict[str, str]]
) -> None:
    """Others go on without it; what it still tries to write when it wakes up does no harm."""
    talkers = await start_talking(cluster, pairs=3)
    await some_more_acks(talkers, 5)
    async with noticed(talkers, "SIGSTOP logic-0"):
        await cluster.processes["logic-0"].pause()
        try:
            await some_more_acks(talkers, 20)
            gateway = cluster.processes["gateway-0"]
            await gateway.wait_log(lambda entry: entry["event"] == "a link to logic is lost")
        finally:
            cluster.processes["logic-0"].resume()
    await some_more_acks(talkers, 20)
    await finish(talkers, table(engines[0]))


@on(SHARED)
async def test_a_user_on_two_gateways_sees_everything_on_both(
    cluster: Cluster, engines: tuple[PostgresServer, dict[str, str]]
) -> None:
    """Also while the logics that push to them die in turn; the second device reads along and never connects again."""
    talkers = await start_talking(cluster, pairs=2)
    followers = []
    for talker in talkers:
        there = cluster.url(1 if talker.user.url == cluster.url(0) else 0)
        laptop = await User(there, talker.user.name, {**vars(talker.user), "access_token": talker.user.token}).login()
        followers.append(Talker(laptop, talker.conversation))
        await followers[-1].follow()
    for name in ("logic-0", "logic-1"):
        await some_more_acks(talkers, 5)
        await cluster.kill_and_restart(name)
    await some_more_acks(talkers, 10)
    for talker in talkers:
        await talker.stop()
    for follower in followers:
        rows = await stored(engines[0], follower.conversation)
        await follower.wait_seen(len(rows))
        assert follower.seen == {seq: (key, content) for seq, _, key, content in rows}
        assert not follower.doubles
        await follower.close()
    await finish(talkers, table(engines[0]))
    assert {one.connections for one in (*talkers, *followers)} == {1}


@on(LOCAL)
async def test_the_database_is_restarted(cluster: Cluster, engines: tuple[PostgresServer, dict[str, str]]) -> None:
    """It crashes; nobody is cut off, sends are refused for now and sent again."""
    postgres = engines[0]
    talkers = await start_talking(cluster, pairs=3)
    await some_more_acks(talkers, 5)
    async with noticed(talkers, "PostgreSQL crashed and started"):
        await asyncio.to_thread(postgres.crash)
        await asyncio.to_thread(postgres.start)
    await some_more_acks(talkers, 10)
    await finish(talkers, table(postgres))
