-- Record what is about to be sent, and renew the lease so that it outlasts the call.
--
-- KEYS[1]  the job's record (hash)
-- KEYS[2]  running (sorted set: job id by the end of its lease, ms)
-- ARGV[1]  job id
-- ARGV[2]  token of the lease
-- ARGV[3]  length of the lease (ms)
-- ARGV[4]  the fields about to be sent, separated by commas
-- ARGV[5]  how long the vendor may be executing them if it never answers (ms)
-- ARGV[6]  the worker's own clock (ms), see claim.lua
--
-- Returns 1, or 0 when the lease is not held any more.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = redis.call('HMGET', KEYS[1], 'token', 'until')
if lease[1] ~= ARGV[2] or tonumber(lease[2]) <= now then
  return 0
end
redis.call('HSET', KEYS[1], 'sent', ARGV[4], 'until', now + ARGV[3], 'quiet', now + ARGV[5],
  'executed_by', now + ARGV[5], 'quiet_own', ARGV[6] + ARGV[5], 'quiet_for', ARGV[5])
redis.call('HDEL', KEYS[1], 'lookups')
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
return 1
