-- Take back the charge of a call that never left.
--
-- KEYS[1]  minute: list of the latest admissions (see admit.lua)
-- KEYS[2]  the hash of the day that was charged
-- KEYS[3]  record: stream of all charges
-- KEYS[4]  clock (see admit.lua)
-- ARGV[1]  time of the charge (microseconds)
-- ARGV[2]  token
-- ARGV[3]  purpose
-- ARGV[4]  length of the minute (microseconds); what is older stays charged
--
-- Returns 1 when it was taken back, 0 when the charge is not there any more.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2] + (redis.call('HGET', KEYS[4], 'offset') or 0)
if ARGV[1] + ARGV[4] <= now then
  return 0
end
if redis.call('LREM', KEYS[1], 1, ARGV[1] .. ':' .. ARGV[2]) == 0 then
  return 0
end
redis.call('HINCRBY', KEYS[2], 'calls', -1)
redis.call('HINCRBY', KEYS[2], ARGV[3], -1)
redis.call('XADD', KEYS[3], '*', 'refund', ARGV[2])
return 1
