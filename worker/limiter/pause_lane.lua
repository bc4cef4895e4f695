-- Pause a lane, or add a reason to the pause that stands.
--
-- KEYS[1]  the lane's pause (string: JSON of reason, by and since)
-- ARGV[1]  the pause, if the lane is open (JSON)
-- ARGV[2]  what is added to the reason otherwise
--
-- Returns 1, or 0 if the pause that stands gives this reason already.

local stored = redis.call('GET', KEYS[1])
if not stored then
  redis.call('SET', KEYS[1], ARGV[1])
  return 1
end
local pause, ours = cjson.decode(stored), cjson.decode(ARGV[1])

-- Whole reasons alone: "month" is not given yet where "month end" is.
local function stands_at(text)
  return string.find(pause.reason .. '; ', text .. '; ', 1, true)
end

if (pause.by == ours.by and stands_at(ours.reason) == 1) or stands_at(ARGV[2]) then
  return 0
end
pause.reason = pause.reason .. ARGV[2]
redis.call('SET', KEYS[1], cjson.encode(pause))
return 1
