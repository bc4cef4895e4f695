-- Note a message that a worker has taken, and forget those of which it has acknowledged the end.
--
-- KEYS[1]  kombu's index of what workers hold (sorted set: delivery tag by Redis's time, s)
-- KEYS[2]  what they hold (hash: message, exchange and routing key as JSON, by delivery tag)
-- ARGV[1]  delivery tag
-- ARGV[2]  when it was taken (s)
-- ARGV[3]  what KEYS[2] keeps of it
-- ARGV[4...]  the delivery tags of those acknowledged
--
-- Returns nothing.

-- First what takes no room: a full Redis refuses a script at its first write only, and this message
-- has left its queue, so that it takes no more room than before.
redis.call('ZREM', KEYS[1], ARGV[1], unpack(ARGV, 4))
redis.call('HDEL', KEYS[2], ARGV[1], unpack(ARGV, 4))
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
