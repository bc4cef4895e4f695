-- Put a message that a worker of an earlier release held to the front of its queue.
--
-- KEYS[1]  what kombu's workers hold, ours and other apps' (hash by delivery tag)
-- KEYS[2]  when it was last said to be held (sorted set: delivery tag by time, s)
-- KEYS[3]  the queue's list
-- ARGV[1]  delivery tag
-- ARGV[2]  the message
-- ARGV[3]  for how long a worker has been silent before it counts as dead (s)
--
-- Returns 1 if it was put there; 0 if its worker lives, or another one was first.

local time = redis.call('TIME')
local said_at = redis.call('ZSCORE', KEYS[2], ARGV[1])
if said_at and tonumber(said_at) > time[1] - ARGV[3] then
  return 0
end
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then
  return 0
end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('RPUSH', KEYS[3], ARGV[2])
return 1
