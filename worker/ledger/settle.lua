-- Give a job its one outcome.
--
-- KEYS[1]  the job's record (hash)      KEYS[2]  the job's outcome (string)
-- KEYS[3]  running (sorted set)         KEYS[4]  the product (hash, see claim.lua)
-- KEYS[5]  the jobs parked for the product (sorted set: job id by sequence)
-- ARGV[1]  job id
-- ARGV[2]  token of the lease
-- ARGV[3]  outcome (JSON)
-- ARGV[4]  how it ended, in a word
-- ARGV[5]  how long the outcome is kept (s)
-- ARGV[6]  how long the key is kept (s)
-- ARGV[7...]  the fields that the vendor now has from this job
--
-- Returns {1, the next job parked for the product or ""}, or {0} when another has the lease. The same
-- outcome given again is no fault: the answer to the first time may have been lost.

local function settled()
  return {1, redis.call('ZRANGE', KEYS[5], 0, 0)[1] or ''}
end

local record = redis.call('HMGET', KEYS[1], 'token', 'sequence', 'ended')
if record[3] and redis.call('GET', KEYS[2]) == ARGV[3] then
  return settled()
end
-- A lease that has run out is still good here as long as nobody else took the job.
if record[1] ~= ARGV[2] then
  return {0}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

redis.call('SET', KEYS[2], ARGV[3], 'EX', ARGV[5])
redis.call('HDEL', KEYS[1], 'payload', 'lane', 'sequence', 'attempts', 'accepted', 'token', 'until',
  'sent')
redis.call('HSET', KEYS[1], 'ended', ARGV[4], 'at', now)
redis.call('EXPIRE', KEYS[1], ARGV[6])
redis.call('ZREM', KEYS[3], ARGV[1])

if redis.call('HGET', KEYS[4], 'holder') == ARGV[1] then
  redis.call('HDEL', KEYS[4], 'holder')
end
for index = 7, #ARGV do
  local name = 'wrote:' .. ARGV[index]
  local before = redis.call('HGET', KEYS[4], name)
  if not before or tonumber(string.match(before, '^%d+')) < tonumber(record[2]) then
    redis.call('HSET', KEYS[4], name, record[2] .. ':' .. ARGV[1])
  end
end
redis.call('EXPIRE', KEYS[4], ARGV[6])
return settled()
