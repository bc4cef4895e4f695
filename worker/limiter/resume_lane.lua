-- Resume a lane whose pause has been read.
--
-- KEYS[1]  the lane's pause (string: JSON of reason, by and since)
-- ARGV[1]  SHA-1 of the reason that was read, as hexadecimal digits; "" if the lane was not paused then
--
-- Returns 1 if the lane is not paused now, or 0 with the pause left if it gives another reason by now.

local stored = redis.call('GET', KEYS[1])
if not stored then
  return 1
end
if redis.sha1hex(cjson.decode(stored).reason) ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[1])
return 1
