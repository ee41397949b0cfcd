"""Counters in Redis: shared by all, expiring, and each process's own while Redis is gone."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from resonance.config.engines import RedisConfig
from resonance.engines.memory.counters import MemoryCounters
from resonance.engines.redis.client import RedisClient
from resonance.engines.redis.counters import RedisCounters
from resonance.ports.counters import Counters
from tests.contract.counters.suite_counters import LONG_MS, CountersSuite
from tests.engines.redis import RedisServer, redis_server

pytestmark = [pytest.mark.redis, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


@pytest.fixture
async def client(server: RedisServer) -> AsyncIterator[RedisClient]:
    made = RedisClient(RedisConfig(url=server.url, prefix=f"test:{secrets.token_hex(6)}:"))
    yield made
    await made.close()


class TestRedisCounters(CountersSuite):
    @pytest.fixture(autouse=True)
    async def _in(self, client: RedisClient) -> None:
        self._client = client

    def make(self) -> Counters:
        return RedisCounters(self._client, MemoryCounters())


async def test_processes_count_together(client: RedisClient) -> None:
    one, two = (RedisCounters(client, MemoryCounters()) for _ in range(2))
    assert await one.enter("login", "ann", 1, LONG_MS) == 0
    assert await two.enter("login", "ann", 1, LONG_MS) > 0


async def test_processes_give_from_the_same_buckets(client: RedisClient, server: RedisServer) -> None:
    """And a bucket that is full again takes no room."""
    one, two = (RedisCounters(client, MemoryCounters()) for _ in range(2))
    await one.spend("messages", {"ann": 3}, 0.001)
    assert 6.9 < (await two.spend("messages", {"ann": 4}, 0.001))["ann"] <= 7
    assert server.command("PTTL", f"{client.prefix}b:messages:ann") > ":0"


async def test_nothing_stays_without_an_end(client: RedisClient, server: RedisServer) -> None:
    counters = RedisCounters(client, MemoryCounters())
    await counters.enter("login", "ann", 1, LONG_MS)
    await counters.take_back("login", "ann")
    await counters.take_back("login", "bob")
    assert server.command("PTTL", f"{client.prefix}c:login:ann") > ":0"
    assert server.command("EXISTS", f"{client.prefix}c:login:bob") == ":0\r\n"


async def test_without_redis_each_process_counts_by_itself(client: RedisClient, server: RedisServer) -> None:
    counters = RedisCounters(client, MemoryCounters())
    server.crash()
    try:
        assert [await counters.enter("login", "ann", 2, LONG_MS) for _ in range(2)] == [0, 0]
        assert await counters.enter("login", "ann", 2, LONG_MS) > 0
        await counters.take_back("login", "ann")
        assert await counters.enter("login", "ann", 2, LONG_MS) == 0
        await counters.reset("login", "ann")
        assert await counters.enter("login", "ann", 1, LONG_MS) == 0
        assert await counters.spend("messages", {"ann": 1}, 1) == {}
    finally:
        server.start()
    assert await client.probe()
    assert await counters.enter("login", "bob", 1, LONG_MS) == 0
    assert server.command("EXISTS", f"{client.prefix}c:login:bob") == ":1\r\n"
