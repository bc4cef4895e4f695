-- Give a job up for now.
--
-- KEYS[1]  the job's record (hash)
-- KEYS[2]  running (sorted set)
-- KEYS[3]  the set it goes to: waiting of its lane, or delayed
-- KEYS[4]  the product (hash, see claim.lua)
-- KEYS[5]  the jobs parked for the product (sorted set: job id by sequence)
-- ARGV[1]  job id
-- ARGV[2]  token of the lease
-- ARGV[3]  when it is due (ms from now)
-- ARGV[4]  1: this attempt counts; 0: it does not, and the job is first in its queue again
-- ARGV[5]  1: what was sent may have been executed, so the product stays with this job; 0: it was not
--
-- Returns {1, the next job parked for the product or ""}, or {0} when another has the lease.

if redis.call('HGET', KEYS[1], 'token') ~= ARGV[2] then
  return {0}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

redis.call('HDEL', KEYS[1], 'token', 'until')
redis.call('ZREM', KEYS[2], ARGV[1])
if ARGV[4] == '0' then
  redis.call('HINCRBY', KEYS[1], 'attempts', -1)
  redis.call('ZADD', KEYS[3], redis.call('HGET', KEYS[1], 'accepted'), ARGV[1])
else
  redis.call('ZADD', KEYS[3], now + ARGV[3], ARGV[1])
end
if ARGV[5] == '1' then
  return {1, ''}
end
redis.call('HDEL', KEYS[1], 'sent')
if redis.call('HGET', KEYS[4], 'holder') == ARGV[1] then
  redis.call('HDEL', KEYS[4], 'holder')
end
return {1, redis.call('ZRANGE', KEYS[5], 0, 0)[1] or ''}
