"""A rate that the logics of a cluster keep together: who sends through several of them gets little more than one's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.e2e.clients import Socket, User, people
from tests.e2e.cluster import Cluster
from tests.engines.postgres import PostgresServer
from tests.engines.redis import RedisServer, redis_server
from tests.faults.test_cluster import engines

__all__ = ["engines"]

pytestmark = [pytest.mark.faults, pytest.mark.cluster, pytest.mark.timeout(300)]

RATE = 0.5
BURST = 5
"""Ten seconds' worth: what one logic gives at once to somebody who was silent."""
LOGICS = 2
REPORT_S = 0.5
"""Each logic reports this often what it gave."""


IN_TIME_S = 20


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


@pytest.fixture
async def cluster(
    engines: tuple[PostgresServer, dict[str, str]], redis: RedisServer, tmp_path: Path
) -> AsyncIterator[Cluster]:
    """Two logics, which are repo themselves, and two gateways, each of which is linked to both."""
    made = Cluster(
        tmp_path,
        {"logic": LOGICS, "gateway": 2},
        **{**engines[1], "RESONANCE_REDIS__URL": redis.url},
        RESONANCE_ETCD__PREFIX=f"/{tmp_path.name}",
        RESONANCE_ROLES__REPO="local",
        RESONANCE_COUNTERS__KIND="redis",
        RESONANCE_MESSAGES__PER_USER_PER_SECOND=str(RATE),
    )
    try:
        await made.start()
        yield made
    finally:
        await made.stop()


async def stored(cluster: Cluster) -> list[float]:
    """Return how many messages each logic has stored."""
    samples = [await cluster.processes[f"logic-{number}"].metrics() for number in range(LOGICS)]
    return [one.get('logic_messages_total{outcome="stored"}', 0) for one in samples]


async def conversation_at(cluster: Cluster, logic: int, ann: User) -> str:
    """Return a conversation with ann whose messages take this logic: somebody else's first one shows it."""
    while True:
        (bob,) = await people(cluster.url(), "bob")
        conversation: str = (await bob.post("/conversations", user_id=ann.name))["conversation_id"]
        before = await stored(cluster)
        socket = await Socket.open(bob)
        await socket.chat(conversation, "hello", "k")
        await socket.close()
        async with asyncio.timeout(IN_TIME_S):
            while (after := await stored(cluster)) == before:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        if after[logic] > before[logic]:
            return conversation


def missing(redis: RedisServer, user: User) -> str:
    """Return what the logics have told of a user's messages: how many tokens are missing, and since when."""
    value = redis.command("GET", f"resonance:b:messages:{user.name}")
    return "" if value.startswith("$-1") else value.splitlines()[1]


async def told(redis: RedisServer, user: User, before: str) -> None:
    """Wait until a logic has told more."""
    async with asyncio.timeout(IN_TIME_S):
        while missing(redis, user) == before:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_two_gateways_and_two_logics_keep_one_rate(cluster: Cluster, redis: RedisServer) -> None:
    """One logic gives the whole burst; the other believes it full until it has told what it gave of it itself."""
    (ann,) = await people(cluster.url(0), "ann")
    here, there = [await conversation_at(cluster, logic, ann) for logic in range(LOGICS)]
    phone = await Socket.open(ann)
    laptop = await Socket.open(await User(cluster.url(1), ann.name, {**vars(ann), "access_token": ann.token}).login())
    began = asyncio.get_running_loop().time()

    first = 0
    while not (refusal := await phone.chat(here, "hi", f"here{first}")).get("code"):
        first += 1
    assert refusal["code"] == "rate_limited"
    assert first >= BURST
    async with asyncio.timeout(IN_TIME_S):
        while float((missing(redis, ann) or "0").split()[0]) < BURST - 1.5:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    second = 0
    while True:
        before = missing(redis, ann)
        refusal = await laptop.chat(there, "hi", f"there{second}")
        if refusal.get("code"):
            break
        second += 1
        await told(redis, ann, before)
    seconds = asyncio.get_running_loop().time() - began
    assert refusal["code"] == "rate_limited"
    assert 0 < second < BURST, "alone it gives a burst of its own"
    assert first + second <= RATE * seconds + LOGICS * (BURST + 2 * RATE * REPORT_S)
    await phone.close()
    await laptop.close()
