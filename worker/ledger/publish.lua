-- Put a job's message into its queue again, unless somebody has taken the job meanwhile.
--
-- KEYS[1]  the job's record (hash)
-- KEYS[2]  the set that the job was found in (sorted set: job id by time, ms)
-- KEYS[3]  waiting, of its lane
-- KEYS[4]  the lane's queue (list)
-- ARGV[1]  job id
-- ARGV[2]  its score in KEYS[2] as it was found; "" for any
-- ARGV[3]  the message
-- ARGV[4]  "front" or "back" of the queue
--
-- Returns 1, or 0 when nothing was to be done.

local found = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not found or (ARGV[2] ~= '' and tonumber(found) ~= tonumber(ARGV[2])) then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local record = redis.call('HMGET', KEYS[1], 'ended', 'until', 'accepted')
if record[1] or not record[3] then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 0
end
if record[2] and tonumber(record[2]) > now then
  return 0
end
redis.call('HDEL', KEYS[1], 'token', 'until')
redis.call('ZREM', KEYS[2], ARGV[1])
-- The waiting jobs' times rise from the front of the queue, where Celery takes, to the back.
if ARGV[4] == 'front' then
  redis.call('ZADD', KEYS[3], record[3], ARGV[1])
  redis.call('RPUSH', KEYS[4], ARGV[3])
else
  redis.call('ZADD', KEYS[3], now, ARGV[1])
  redis.call('LPUSH', KEYS[4], ARGV[3])
end
return 1
