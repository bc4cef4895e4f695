-- Keep a task's state, as Celery's backend does, unless it has succeeded before.
--
-- KEYS[1]  the task's result (string)
-- ARGV[1]  Celery's meta (JSON), also told to those who listen on the channel of the key's name
-- ARGV[2]  how long it is kept, seconds
--
-- Returns nothing.

local known = redis.call('GET', KEYS[1])
if known and cjson.decode(known).status == 'SUCCESS' then
  return
end
redis.call('SETEX', KEYS[1], ARGV[2], ARGV[1])
redis.call('PUBLISH', KEYS[1], ARGV[1])
