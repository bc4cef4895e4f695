-- Record how the vendor answered a call. The breaker opens after a number of consecutive faults.
--
-- KEYS[1]  state (see admit.lua)
-- KEYS[2]  clock (see admit.lua)
-- ARGV[1]  1: healthy; 0: a fault
-- ARGV[2]  consecutive faults at which the breaker opens; 0: never
-- ARGV[3]  time until a call may probe the vendor (microseconds)
--
-- Returns the number of consecutive faults, or -1 if the answer to a probe has opened a closed account.
-- The field rests_until says until when the breaker is open. A healthy answer without a probe opens no
-- account: it may belong to a call from before the refusal.

if ARGV[1] == '1' then
  redis.call('HDEL', KEYS[1], 'faults', 'rests_until')
  if redis.call('HGET', KEYS[1], 'probing') then
    redis.call('HDEL', KEYS[1], 'closed_until', 'closed_reason', 'closed_at', 'probing')
    return -1
  end
  return 0
end
local faults = redis.call('HINCRBY', KEYS[1], 'faults', 1)
if tonumber(ARGV[2]) > 0 and faults >= tonumber(ARGV[2]) then
  local time = redis.call('TIME')
  local now = time[1] * 1000000 + time[2] + (redis.call('HGET', KEYS[2], 'offset') or 0)
  redis.call('HSET', KEYS[1], 'rests_until', string.format('%.0f', now + ARGV[3]))
end
return faults
