-- Pause an account's calls; a pause that lasts longer already stays.
--
-- KEYS[1]  pause: hash until (microseconds), reason
-- ARGV[1]  length (microseconds)
-- ARGV[2]  reason
--
-- Returns 1 when this pause counts, 0 when a longer one stays.

local time = redis.call('TIME')
local ends = time[1] * 1000000 + time[2] + ARGV[1]
if tonumber(redis.call('HGET', KEYS[1], 'until') or 0) >= ends then
  return 0
end
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', ends), 'reason', ARGV[2])
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[1] / 1000) + 1000)
return 1
