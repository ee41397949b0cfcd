"""Copies in memory."""

from __future__ import annotations

from resonance.engines.memory.cache import MOST_CONVERSATIONS, MemoryCache
from resonance.ports.cache import Cache
from tests.contract.cache.suite_cache import EPOCH, CacheSuite, entries, user


class TestMemoryCache(CacheSuite):
    def make(self, ttl: float = 60) -> Cache:
        cache = MemoryCache(ttl, ttl)
        cache.use(EPOCH)
        return cache


async def test_memory_is_bounded_and_the_oldest_goes() -> None:
    cache = MemoryCache(60, 60)
    cache.use(EPOCH)
    for number in range(MOST_CONVERSATIONS + 1):
        await cache.keep_entries({f"sg_{number}": entries(1, conversation_id=f"sg_{number}")})
    assert await cache.entries("sg_0", 0, 0, 9, newest=True) == []
    assert await cache.entries("sg_1", 0, 0, 9, newest=True) != []


async def test_nothing_is_kept_before_the_store_is_known() -> None:
    cache = MemoryCache(60, 60)
    await cache.keep_entries({"sg_a": entries(1)})
    await cache.keep_users([user("ann")])
    cache.use(EPOCH)
    assert await cache.entries("sg_a", 0, 0, 9, newest=True) == []
    assert await cache.users(["ann"]) == {}
