-- Put a job's message into its queue again, unless a worker has taken the job in the meantime.
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

local score = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not score or (ARGV[2] ~= '' and tonumber(score) ~= tonumber(ARGV[2])) then
  return 0
end
-- A worker whose lease has run out can tell nothing of the job any more.
redis.call('HDEL', KEYS[1], 'token', 'until')
redis.call('ZREM', KEYS[2], ARGV[1])
-- The waiting jobs' times rise from the front of the queue, where Celery takes, to the back.
if ARGV[4] == 'front' then
  redis.call('ZADD', KEYS[3], redis.call('HGET', KEYS[1], 'accepted'), ARGV[1])
  redis.call('RPUSH', KEYS[4], ARGV[3])
else
  local time = redis.call('TIME')
  redis.call('ZADD', KEYS[3], time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
  redis.call('LPUSH', KEYS[4], ARGV[3])
end
return 1
