-- Take back the charge of a call that never left.
--
-- KEYS[1]  arrivals: sorted set of the latest calls (see admit.lua)
-- KEYS[2]  the hash of the day that was charged
-- KEYS[3]  record: stream of all charges
-- KEYS[4]  clock (see admit.lua)
-- ARGV[1]  the call's name in arrivals
-- ARGV[2]  token
-- ARGV[3]  purpose
-- ARGV[4]  source, if it is known; else ""
--
-- Returns 1 if it was taken back, 0 if the charge is gone or more than a minute old.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2] + (redis.call('HGET', KEYS[4], 'offset') or 0)
local arrived = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not arrived or arrived + 60000000 <= now then
  return 0
end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HINCRBY', KEYS[2], 'calls', -1)
redis.call('HINCRBY', KEYS[2], ARGV[3], -1)
if ARGV[4] ~= '' then
  local counter = 'source:' .. ARGV[4]
  if redis.call('HEXISTS', KEYS[2], counter) == 0 then
    counter = 'source:(others)'
  end
  redis.call('HINCRBY', KEYS[2], counter, -1)
end
redis.call('XADD', KEYS[3], '*', 'refund', ARGV[2])
return 1
