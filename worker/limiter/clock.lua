-- Redis's clock was set ahead, as the asking process knows by its own: go on from where we were.
--
-- KEYS[1]  clock (see admit.lua)
-- ARGV[1]  what the time should be by the asker's own clock (microseconds)
--
-- Returns the time that counts now.

local time = redis.call('TIME')
local wall = time[1] * 1000000 + time[2]
local now, expected = wall + (redis.call('HGET', KEYS[1], 'offset') or 0), tonumber(ARGV[1])
if now > expected then
  now = expected
  redis.call('HSET', KEYS[1], 'offset', string.format('%.0f', expected - wall),
    'asked_at', string.format('%.0f', expected))
end
return string.format('%.0f', now)
