-- Give up the lease of a job that has not ended.
--
-- KEYS[1]  the job's record (hash)
-- KEYS[2]  running (sorted set)
-- KEYS[3]  the set it goes to: waiting of its lane to put it back, else delayed
-- KEYS[4]  the product (hash, see claim.lua)
-- KEYS[5]  the jobs parked for the product (sorted set: job id by sequence)
-- KEYS[6]  delayed (sorted set)
-- ARGV[1]  job id
-- ARGV[2]  token of the lease
-- ARGV[3]  when it is due (ms from now)
-- ARGV[4]  "delay": an attempt has failed; "defer": nothing was sent, since what the job needs to know
--          cannot be known yet; "put back": nothing was sent, and the job is first in its queue again
-- ARGV[5]  1: what was sent may have been executed, so the product stays with this job; 0: it was not
-- ARGV[6]  what went wrong, for the job's history; "" if nothing did
-- ARGV[7]  how many entries the history keeps
-- ARGV[8]  the worker's own clock (ms), see claim.lua
--
-- Returns {1, the next job parked for the product or ""}, or {0} when another has the lease.

if redis.call('HGET', KEYS[1], 'token') ~= ARGV[2] then
  return {0}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local taken = redis.call('HGET', KEYS[1], 'taken') or now
redis.call('HDEL', KEYS[1], 'token', 'until', 'taken', 'claims')
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[6], ARGV[1])
-- The deadline counts what is spent on attempts and backoff. A job that waits for its lane, its product
-- or a reliable reading spends nothing, or it would be given up for having waited.
if ARGV[4] == 'delay' then
  redis.call('HINCRBY', KEYS[1], 'spent', math.max(now - taken, 0) + ARGV[3])
else
  redis.call('HINCRBY', KEYS[1], 'attempts', -1)
end
if ARGV[4] == 'defer' then
  redis.call('HSETNX', KEYS[1], 'deferred', now)
  redis.call('HINCRBY', KEYS[1], 'deferred_for', ARGV[3])
else
  redis.call('HDEL', KEYS[1], 'deferred', 'deferred_for')
end
if ARGV[4] == 'put back' then
  redis.call('ZADD', KEYS[3], redis.call('HGET', KEYS[1], 'accepted'), ARGV[1])
else
  redis.call('ZADD', KEYS[3], now + ARGV[3], ARGV[1])
end
if ARGV[6] ~= '' then
  local history = cjson.decode(redis.call('HGET', KEYS[1], 'history') or '[]')
  history[#history + 1] = {now, ARGV[6]}
  if #history > tonumber(ARGV[7]) then
    table.remove(history, 1)
  end
  redis.call('HSET', KEYS[1], 'history', cjson.encode(history))
end
if ARGV[5] == '1' then
  if ARGV[4] ~= 'put back' then
    redis.call('HSET', KEYS[1], 'quiet', now + ARGV[3], 'quiet_own', ARGV[8] + ARGV[3],
      'quiet_for', ARGV[3])
  end
  return {1, ''}
end
redis.call('HDEL', KEYS[1], 'sent', 'quiet', 'quiet_own', 'quiet_for', 'executed_by', 'lookups')
if redis.call('HGET', KEYS[4], 'holder') == ARGV[1] then
  redis.call('HDEL', KEYS[4], 'holder')
end
if ARGV[4] == 'put back' then
  -- It still goes first.
  return {1, ''}
end
return {1, redis.call('ZRANGE', KEYS[5], 0, 0)[1] or ''}
