"""The table of routes in Redis, and the Lua that changes it: each script is atomic, and one round trip.

Keys, below the prefix; an owner is `{gateway}/{logic}`, a gateway as one logic announces it:

| key             | what                                                                     |
| --------------- | ------------------------------------------------------------------------ |
| u:{user}        | hash: `{gateway}/{connection}/{logic}` → the route                       |
| g:{owner}       | hash: connection → user                                                  |
| owners          | hash: owner → epoch                                                      |
| leases          | sorted set: owner → when its lease ends, ms of Redis's clock             |
| v:{gateway}     | set: the logics that announce it                                         |
| epochs          | hash: gateway → its newest epoch                                         |
| generation      | when the data began; it goes with them, so that all see that they are gone |

Scripts make the names of keys themselves: that takes one server, or a primary with replicas, and no Redis Cluster.
"""

from __future__ import annotations

_COMMON = """
local p = KEYS[1]
local before, order = {}, {}

local function note(user)
  if before[user] == nil then
    before[user] = redis.call('EXISTS', p .. 'u:' .. user)
    order[#order + 1] = user
  end
end

local function claim(user)
  if before[user] == nil then order[#order + 1] = user end
  before[user] = 1
end

local function add(gateway, logic, number, user, route)
  note(user)
  if redis.call('HSETNX', p .. 'g:' .. gateway .. '/' .. logic, number, user) == 1 then
    redis.call('HSET', p .. 'u:' .. user, gateway .. '/' .. number .. '/' .. logic, route)
  end
end

local function remove(gateway, logic, number)
  local owner = p .. 'g:' .. gateway .. '/' .. logic
  local user = redis.call('HGET', owner, number)
  if user then
    note(user)
    redis.call('HDEL', owner, number)
    redis.call('HDEL', p .. 'u:' .. user, gateway .. '/' .. number .. '/' .. logic)
  end
end

local function clear(gateway, logic, quietly)
  local key = p .. 'g:' .. gateway .. '/' .. logic
  local all = redis.call('HGETALL', key)
  for at = 1, #all, 2 do
    if not quietly then note(all[at + 1]) end
    redis.call('HDEL', p .. 'u:' .. all[at + 1], gateway .. '/' .. all[at] .. '/' .. logic)
  end
  redis.call('DEL', key)
end

local function forget(gateway, logic)
  clear(gateway, logic)
  redis.call('HDEL', p .. 'owners', gateway .. '/' .. logic)
  redis.call('ZREM', p .. 'leases', gateway .. '/' .. logic)
  redis.call('SREM', p .. 'v:' .. gateway, logic)
  if redis.call('EXISTS', p .. 'v:' .. gateway) == 0 then redis.call('HDEL', p .. 'epochs', gateway) end
end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function changes()
  local online, offline = {}, {}
  for _, user in ipairs(order) do
    local after = redis.call('EXISTS', p .. 'u:' .. user)
    if after > before[user] then online[#online + 1] = user end
    if after < before[user] then offline[#offline + 1] = user end
  end
  return {online, offline}
end

local function generation()
  local time = redis.call('TIME')
  redis.call('SETNX', p .. 'generation', time[1] .. '.' .. time[2])
  return redis.call('GET', p .. 'generation')
end
"""

REPLACE = (
    _COMMON
    + """
-- gateway, logic, epoch, lease in ms (0: the gateway is gone), number of claimed users, those, then per route three.
-- Claimed users are those whom others believe to be here, by what this logic wrote last and knows to be written:
-- that, and not what is found, is what the change is measured by.
local gateway, logic, epoch = ARGV[1], ARGV[2], ARGV[3]
local newest = tonumber(redis.call('HGET', p .. 'epochs', gateway) or '0')
if newest > tonumber(epoch) then return {generation(), {}, {}} end
clear(gateway, logic, true)
local claimed = tonumber(ARGV[5])
for at = 6, 5 + claimed do claim(ARGV[at]) end
if newest < tonumber(epoch) then
  for _, other in ipairs(redis.call('SMEMBERS', p .. 'v:' .. gateway)) do forget(gateway, other) end
end
if ARGV[4] == '0' then
  forget(gateway, logic)
else
  local owner = gateway .. '/' .. logic
  for at = 6 + claimed, #ARGV, 3 do add(gateway, logic, ARGV[at], ARGV[at + 1], ARGV[at + 2]) end
  redis.call('HSET', p .. 'epochs', gateway, epoch)
  redis.call('HSET', p .. 'owners', owner, epoch)
  redis.call('SADD', p .. 'v:' .. gateway, logic)
  redis.call('ZADD', p .. 'leases', now() + ARGV[4], owner)
end
local told = changes()
return {generation(), told[1], told[2]}
"""
)

APPLY = (
    _COMMON
    + """
-- gateway, logic, epoch, number of closed connections, those, then per opened one three
local gateway, logic = ARGV[1], ARGV[2]
if redis.call('HGET', p .. 'owners', gateway .. '/' .. logic) ~= ARGV[3] then return {generation()} end
local closed = tonumber(ARGV[4])
for at = 5 + closed, #ARGV, 3 do add(gateway, logic, ARGV[at], ARGV[at + 1], ARGV[at + 2]) end
for at = 5, 4 + closed do remove(gateway, logic, ARGV[at]) end
local told = changes()
return {generation(), told[1], told[2]}
"""
)

TEND = (
    _COMMON
    + """
-- lease in ms, number of owners to be ended at most, then per owner to be renewed: it, its epoch
local lost, time = {}, now()
for at = 3, #ARGV, 2 do
  if redis.call('HGET', p .. 'owners', ARGV[at]) == ARGV[at + 1] then
    redis.call('ZADD', p .. 'leases', time + ARGV[1], ARGV[at])
  else
    lost[#lost + 1] = ARGV[at]
  end
end
for _, owner in ipairs(redis.call('ZRANGEBYSCORE', p .. 'leases', '-inf', time, 'LIMIT', 0, ARGV[2])) do
  local gateway, logic = string.match(owner, '^(.*)/([^/]*)$')
  forget(gateway, logic)
end
local told = changes()
return {generation(), told[1], told[2], lost}
"""
)

LOCATE = """
local p, found = KEYS[1], {}
for at = 1, #ARGV do found[at] = redis.call('HKEYS', p .. 'u:' .. ARGV[at]) end
return {redis.call('GET', p .. 'generation') or '', found}
"""

ROUTES_OF = """
local p, found = KEYS[1], {}
for at = 1, #ARGV do found[at] = redis.call('HGETALL', p .. 'u:' .. ARGV[at]) end
return {redis.call('GET', p .. 'generation') or '', found}
"""
