"""Copies in Redis, for all processes. Each call is one script, and one round trip.

Keys, below the prefix; the epoch is the store's, so that nothing is found of a store that a backup has replaced, and
the form's number stands before it, so that no other version's copies are:

| key                        | what                                                                     |
| -------------------------- | ------------------------------------------------------------------------ |
| e:{form}:{epoch}:{conversation} | sorted set: an entry as JSON, its seq as score                      |
| p:{form}:{epoch}:{user}    | a profile as JSON; empty for a while after a change                      |

The highest score of a conversation is a copy of its head: it is set after the commit and only goes up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from typing import Any

from resonance.domain.model import Entry, User, UserKind, UserStatus
from resonance.engines.redis.client import Argument, Gone, RedisClient, Script
from resonance.ports.cache import HOT_ENTRIES, Cache

FORM = 1
"""Of entries and profiles as JSON; another one whenever their fields change."""
AT_ONCE = 500
"""Entries or profiles that one script writes: it keeps others from Redis meanwhile."""

_ENTRIES = """
-- epoch, conversation, begin, end ('+inf' for none), limit, 'newest' or ''
local key = KEYS[1] .. 'e:' .. ARGV[1] .. ':' .. ARGV[2]
if ARGV[6] == '' then return redis.call('ZRANGEBYSCORE', key, ARGV[3], ARGV[4], 'LIMIT', 0, ARGV[5]) end
return redis.call('ZREVRANGEBYSCORE', key, ARGV[4], ARGV[3], 'LIMIT', 0, ARGV[5])
"""
_KEEP_ENTRIES = """
-- epoch, ttl in ms, entries that stay, then per entry three: conversation, seq, itself; a conversation's in a row
local last
local function finish()
  redis.call('ZREMRANGEBYRANK', last, 0, -1 - ARGV[3])
  redis.call('PEXPIRE', last, ARGV[2])
end
for at = 4, #ARGV, 3 do
  local key = KEYS[1] .. 'e:' .. ARGV[1] .. ':' .. ARGV[at]
  if last and last ~= key then finish() end
  last = key
  redis.call('ZADD', key, ARGV[at + 1], ARGV[at + 2])
end
if last then finish() end
"""
_USERS = """
-- epoch, then ids
local keys = {}
for at = 2, #ARGV do keys[at - 1] = KEYS[1] .. 'p:' .. ARGV[1] .. ':' .. ARGV[at] end
return redis.call('MGET', unpack(keys))
"""
_KEEP_USERS = """
-- epoch, ttl in ms, then per user two: id, profile
for at = 3, #ARGV, 2 do
  redis.call('SET', KEYS[1] .. 'p:' .. ARGV[1] .. ':' .. ARGV[at], ARGV[at + 1], 'PX', ARGV[2], 'NX')
end
"""
_DROP_USERS = """
-- epoch, ttl in ms, then ids
for at = 3, #ARGV do redis.call('SET', KEYS[1] .. 'p:' .. ARGV[1] .. ':' .. ARGV[at], '', 'PX', ARGV[2]) end
"""


class RedisCache(Cache):
    """Copies that all processes share."""

    def __init__(self, client: RedisClient, entries_ttl: float, profile_ttl: float) -> None:
        """Begin with what is there.

        Args:
            entries_ttl, profile_ttl: s for which copies stay.
        """
        self._client = client
        self._epoch = ""
        self._entries_ttl = max(1, round(entries_ttl * 1000))
        self._profile_ttl = max(1, round(profile_ttl * 1000))
        self._entries = client.script(_ENTRIES)
        self._keep_entries = client.script(_KEEP_ENTRIES)
        self._users = client.script(_USERS)
        self._keep_users = client.script(_KEEP_USERS)
        self._drop_users = client.script(_DROP_USERS)

    def use(self, epoch: str) -> None:
        self._epoch = epoch

    async def entries(self, conversation_id: str, begin: int, end: int, limit: int, newest: bool) -> list[Entry]:
        last: Argument = end if end > 0 else "+inf"
        arguments: list[Argument] = [conversation_id, max(begin, 0), last, limit, "newest" if newest else ""]
        found = await self._call(self._entries, arguments)
        log = [Entry(conversation_id, *row) for row in _rows(found or ())]
        return log[::-1] if newest else log

    async def keep_entries(self, entries: Mapping[str, Sequence[Entry]]) -> None:
        flat = [entry for more in entries.values() for entry in more]
        for begin in range(0, len(flat), AT_ONCE):
            arguments: list[Argument] = [self._entries_ttl, HOT_ENTRIES]
            for entry in flat[begin : begin + AT_ONCE]:
                arguments += (entry.conversation_id, entry.seq, json.dumps(entry[1:], ensure_ascii=False))
            await self._call(self._keep_entries, arguments)

    async def users(self, user_ids: Sequence[str]) -> dict[str, User]:
        if not user_ids:
            return {}
        found = await self._call(self._users, user_ids)
        return {row[0]: _user(row) for row in _rows(text for text in found or () if text)}

    async def keep_users(self, users: Sequence[User]) -> None:
        for begin in range(0, len(users), AT_ONCE):
            arguments: list[Argument] = [self._profile_ttl]
            for user in users[begin : begin + AT_ONCE]:
                arguments += (user.id, json.dumps(astuple(user), ensure_ascii=False))
            await self._call(self._keep_users, arguments)

    async def drop_users(self, user_ids: Sequence[str]) -> None:
        await self._call(self._drop_users, [self._profile_ttl, *user_ids])

    async def _call(self, script: Script, arguments: Iterable[Argument]) -> Any:
        """Run a script below the epoch; None when there is no cache now."""
        if not self._epoch:
            return None
        try:
            return await self._client.call(script, [f"{FORM}:{self._epoch}", *arguments])
        except Gone:
            return None


def _rows(texts: Iterable[str]) -> list[list[Any]]:
    """Return what was kept as JSON, read in one go."""
    rows: list[list[Any]] = json.loads(f"[{','.join(texts)}]")
    return rows


def _user(row: list[Any]) -> User:
    user_id, nickname, avatar, extra, kind, status, *rest = row
    return User(user_id, nickname, avatar, extra, UserKind(kind), UserStatus(status), *rest)
