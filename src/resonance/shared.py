"""What several logics may share: routes, counters and copies, in this process's memory or in Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resonance.config.settings import Settings
from resonance.domain.errors import Code, ServiceError
from resonance.ports.cache import Cache
from resonance.ports.counters import Counters
from resonance.ports.routes import Routes

if TYPE_CHECKING:
    from resonance.engines.redis.client import RedisClient


class Shared:
    """Makes what the configuration asks for, each on its own engine, all on one way to Redis."""

    def __init__(self, settings: Settings) -> None:
        """Begin without a way to Redis."""
        self._settings = settings
        self._client: RedisClient | None = None  # from its first use on

    async def close(self) -> None:
        """End the way to Redis."""
        if self._client is not None:
            await self._client.close()

    async def routes(self) -> Routes:
        """Return the table of live routes.

        In one that is logic's own, links end what is over, and nothing else does: after this process stood still, it
        would not know who lives. In a shared one a lease outlives what the links of a living logic would end.
        """
        if self._settings.routes.kind == "memory":
            from resonance.engines.memory.routes import MemoryRoutes

            return MemoryRoutes()
        client, rpc = await self._redis(), self._settings.rpc
        from resonance.engines.redis.routes import RedisRoutes

        return RedisRoutes(client, rpc.lease + 4 * rpc.heartbeat)

    async def counters(self) -> Counters:
        """Return what failed logins and shared rates are counted in."""
        from resonance.engines.memory.counters import MemoryCounters

        if self._settings.counters.kind == "memory":
            return MemoryCounters()
        client = await self._redis()
        from resonance.engines.redis.counters import RedisCounters

        return RedisCounters(client, MemoryCounters())

    async def cache(self) -> Cache | None:
        """Return where copies are kept, if any are."""
        config = self._settings.cache
        if config.kind == "none":
            return None
        if config.kind == "memory":
            from resonance.engines.memory.cache import MemoryCache

            return MemoryCache(config.entries_ttl, config.profile_ttl)
        client = await self._redis()
        from resonance.engines.redis.cache import RedisCache

        return RedisCache(client, config.entries_ttl, config.profile_ttl)

    async def _redis(self) -> RedisClient:
        """Return the way to Redis, which need not be there.

        Raises:
            ServiceError: INVALID_ARGUMENT when its library is not installed, or Redis refuses us.
        """
        if self._client is None:
            try:
                from resonance.engines.redis.client import RedisClient
            except ModuleNotFoundError as error:
                reason = f"Redis is configured, and {error.name} is not installed: pip install 'resonance-im[redis]'"
                raise ServiceError(Code.INVALID_ARGUMENT, reason, field="redis") from error

            self._client = RedisClient(self._settings.redis)
            await self._client.start()
        return self._client
