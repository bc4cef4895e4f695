-- Close an account whose login, key or address the vendor refuses. It is opened again by the healthy
-- answer to a probe (see admit.lua and report.lua), or by an operator (RedisLimiter.reopen).
--
-- KEYS[1]  state (see admit.lua)
-- KEYS[2]  clock (see admit.lua)
-- ARGV[1]  reason
-- ARGV[2]  time until a call may probe (microseconds)
--
-- Returns 1 if the account was open, 0 if it was closed already. A closed account's next probe is not
-- put off, or every further refusal would do so.

local time = redis.call('TIME')
local wall = time[1] * 1000000 + time[2]
local now = wall + (redis.call('HGET', KEYS[2], 'offset') or 0)
local closed_until = redis.call('HGET', KEYS[1], 'closed_until')
redis.call('HDEL', KEYS[1], 'faults', 'rests_until', 'probing')
redis.call('HSET', KEYS[1], 'closed_reason', ARGV[1])
if not closed_until or tonumber(closed_until) <= now then
  redis.call('HSET', KEYS[1], 'closed_until', string.format('%.0f', now + ARGV[2]))
end
if not closed_until then
  redis.call('HSET', KEYS[1], 'closed_at', string.format('%.0f', wall))
end
return closed_until and 0 or 1
