"""Counters in Redis: `c:{kind}:{key}` below the prefix is a number that expires with its window.

`b:{kind}:{key}` is a bucket: the tokens that were missing, and when (ms of Redis's clock). It expires when it is full.
"""

from __future__ import annotations

from collections.abc import Mapping

from resonance.domain.limits import DEEPEST, burst
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
_SPEND = """
-- kind, tokens per second, tokens that may be missing, then per bucket two: key, tokens
local time, missing = redis.call('TIME'), {}
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local rate, most = tonumber(ARGV[2]), tonumber(ARGV[3])
for at = 4, #ARGV, 2 do
  local key, tokens = KEYS[1] .. 'b:' .. ARGV[1] .. ':' .. ARGV[at], tonumber(ARGV[at + 1])
  local was, when = string.match(redis.call('GET', key) or '', '^(%S+) (%d+)$')
  if was then tokens = tokens + math.max(0, tonumber(was) - math.max(0, now - when) / 1000 * rate) end
  tokens = math.min(tokens, most)
  local text = string.format('%.6f', tokens)
  redis.call('SET', key, text .. ' ' .. string.format('%.0f', now), 'PX', math.max(1, math.ceil(tokens / rate * 1000)))
  missing[#missing + 1] = text
end
return missing
"""
AT_ONCE = 1000
"""Buckets that one script changes: it keeps others from Redis meanwhile."""


class RedisCounters(Counters):
    """Counts for all processes together, and by other counters while Redis is gone."""

    shared = True

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
        self._spend = client.script(_SPEND)

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

    async def spend(self, kind: str, given: Mapping[str, int], rate: float) -> dict[str, float]:
        missing: dict[str, float] = {}
        keys = list(given)
        for begin in range(0, len(keys), AT_ONCE):
            part = keys[begin : begin + AT_ONCE]
            arguments: list[Argument] = [kind, repr(rate), repr(DEEPEST * burst(rate))]
            for key in part:
                arguments += (key, given[key])
            try:
                found = await self._client.call(self._spend, arguments)
            except Gone:
                break
            missing.update(zip(part, map(float, found), strict=True))
        return missing

    async def _done(self, script: Script, *arguments: Argument) -> bool:
        try:
            await self._client.call(script, arguments)
        except Gone:
            return False
        return True
