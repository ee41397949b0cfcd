"""Copies in Redis: what any cache promises, several processes with one, and Redis killed, emptied, hanging."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resonance.config.engines import RedisConfig
from resonance.engines.redis.cache import RedisCache
from resonance.engines.redis.client import RedisClient
from resonance.ports.cache import Cache
from tests.contract.cache.suite_cache import EPOCH, CacheSuite, entries, entry, user
from tests.engines.redis import RedisServer, redis_server

pytestmark = [pytest.mark.redis, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


class Processes:
    """Makes the caches of processes that share one Redis, below a prefix of their own."""

    def __init__(self, server: RedisServer) -> None:
        self._url = server.url
        self._clients: list[RedisClient] = []
        self.prefix = f"test:{secrets.token_hex(6)}:"

    def make(self, ttl: float = 60) -> RedisCache:
        client = RedisClient(RedisConfig(url=self._url, prefix=self.prefix, timeout=0.5))
        self._clients.append(client)
        cache = RedisCache(client, ttl, ttl)
        cache.use(EPOCH)
        return cache

    async def probe(self) -> None:
        """Let all of them find Redis again."""
        for client in self._clients:
            assert await client.probe()

    async def close(self) -> None:
        for client in self._clients:
            await client.close()


@pytest.fixture
async def processes(server: RedisServer) -> AsyncIterator[Processes]:
    made = Processes(server)
    yield made
    await made.close()


class TestRedisCache(CacheSuite):
    @pytest.fixture(autouse=True)
    async def _in(self, processes: Processes) -> None:
        self._processes = processes

    def make(self, ttl: float = 60) -> Cache:
        return self._processes.make(ttl)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(["write", "read", "keep", "commit", "look", "look", "page", "flush"]),
        st.integers(1, 400),
        st.integers(1, 60),
    ),
    max_size=40,
)


@settings(max_examples=80, deadline=None)
@given(STEPS)
async def test_whatever_processes_do_copies_are_true(
    server: RedisServer, steps: list[tuple[int, str, int, int]]
) -> None:
    """No profile is older than the last change that was told, and every entry is the one that the log has.

    A process reads the store, and keeps what it read at some later time.
    """
    processes = Processes(server)
    caches = [processes.make(), processes.make()]
    version, read, flushed = 0, [0, 0], [False, False]
    for which, step, begin, length in steps:
        cache = caches[which]
        if step == "write":
            version += 1
            await cache.drop_users(["ann"])
        elif step == "read":
            read[which], flushed[which] = version, False
        elif step == "keep" and not flushed[which]:  # else the change may be forgotten: the ttl bounds that
            await cache.keep_users([user("ann", str(read[which]))])
        elif step == "look":
            assert (await cache.users(["ann"])).get("ann", user("ann", str(version))) == user("ann", str(version))
        elif step == "commit":
            await cache.keep_entries({"sg_a": entries(*range(begin, begin + length))})
        elif step == "page":
            found = await cache.entries("sg_a", begin, begin + length, length, newest=length % 2 == 0)
            seqs = [one.seq for one in found]
            assert found == entries(*seqs)
            assert seqs == sorted(set(seqs))
            assert all(begin <= seq <= begin + length for seq in seqs)
        elif step == "flush":
            server.flush()
            flushed = [True, True]
    await processes.close()


async def test_every_key_ends(processes: Processes, server: RedisServer) -> None:
    cache = processes.make()
    await cache.keep_entries({"sg_a": entries(1), "sg_b": entries(1, conversation_id="sg_b")})
    await cache.keep_users([user("ann")])
    await cache.drop_users(["bob"])
    keys = [word for word in server.command("KEYS", f"{processes.prefix}*").split("\r\n") if ":" in word]
    assert len(keys) == 4
    assert all(server.command("PTTL", key) > ":0" for key in keys)


async def test_another_forms_copies_are_not_seen(
    processes: Processes, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While versions of the server run beside one another."""
    cache = processes.make()
    monkeypatch.setattr("resonance.engines.redis.cache.FORM", 0)
    await cache.keep_entries({"sg_a": [entry(1)]})
    assert len(await cache.entries("sg_a", 0, 0, 9, newest=True)) == 1
    monkeypatch.undo()
    assert await cache.entries("sg_a", 0, 0, 9, newest=True) == []


async def fails_quietly(cache: RedisCache) -> None:
    """Do everything: nothing is found, and nothing raises."""
    assert await cache.entries("sg_a", 0, 0, 9, newest=True) == []
    assert await cache.users(["ann"]) == {}
    await cache.keep_entries({"sg_a": entries(1)})
    await cache.keep_users([user("ann")])
    await cache.drop_users(["ann"])


async def test_without_redis_nothing_is_found_and_nobody_waits_twice(processes: Processes, server: RedisServer) -> None:
    cache = processes.make()
    await cache.keep_entries({"sg_a": entries(1)})
    server.freeze()
    began = time.monotonic()
    for _ in range(50):
        await fails_quietly(cache)
    assert time.monotonic() - began < 20, "250 calls that wait half a second each take two minutes"
    server.thaw()
    await processes.probe()
    assert await cache.entries("sg_a", 0, 0, 9, newest=True) == entries(1)
    server.crash()
    await fails_quietly(cache)
    server.start()
    await processes.probe()
    assert await cache.entries("sg_a", 0, 0, 9, newest=True) == []
