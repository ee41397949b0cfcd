"""Counters in Redis: `c:{kind}:{key}` below the prefix is a number that expires with its window."""

from __future__ import annotations

from resonance.engines.redis.client import Argument, Gone, RedisClient, Script
from resonance.ports.counters import Counters

_ENTER = """
-- kind, key, limit, window in ms
local key = KEYS[1] .. 'c:' .. ARGV[1] .. ':' .. ARGV[2]
local count = tonumber(redis.call('GET', key) or '0')
if count >= tonumber(ARGV[3]) then
  local left = redis.call('PTTL', key)
  if left < 0 then left = tonumber(ARGV[4]) end
  return math.max(1, left)
end
if redis.call('INCR', key) == 1 and redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, ARGV[4]) end
return 0
"""
_TAKE_BACK = """
local key = KEYS[1] .. 'c:' .. ARGV[1] .. ':' .. ARGV[2]
if tonumber(redis.call('GET', key) or '0') > 0 then redis.call('DECR', key) end
"""
_RESET = "redis.call('DEL', KEYS[1] .. 'c:' .. ARGV[1] .. ':' .. ARGV[2])"


class RedisCounters(Counters):
    """Counts for all processes together, and by other counters while Redis is gone."""

    def __init__(self, client: RedisClient, fallback: Counters) -> None:
        """Begin with what others have counted.

        Args:
            fallback: this process's own.
        """
        self._client = client
        self._fallback = fallback
        self._enter = client.script(_ENTER)
        self._take_back = client.script(_TAKE_BACK)
        self._reset = client.script(_RESET)

    async def enter(self, kind: str, key: str, limit: int, window_ms: int) -> int:
        try:
            return int(await self._client.call(self._enter, [kind, key, limit, window_ms]))
        except Gone:
            return await self._fallback.enter(kind, key, limit, window_ms)

    async def take_back(self, kind: str, key: str) -> None:
        if not await self._done(self._take_back, kind, key):
            await self._fallback.take_back(kind, key)

    async def reset(self, kind: str, key: str) -> None:
        await self._done(self._reset, kind, key)
        await self._fallback.reset(kind, key)

    async def _done(self, script: Script, *arguments: Argument) -> bool:
        try:
            await self._client.call(script, arguments)
        except Gone:
            return False
        return True
