-- Return what silent workers held to the front of its queues, what was taken first foremost.
--
-- KEYS[1]  what workers hold (hash, see take.lua)
-- KEYS[2]  when it was last said to be held (sorted set: delivery tag by Redis's time, s)
-- ARGV[1]  for how long a worker has been silent before it counts as dead (s)
-- ARGV[2]  how many messages at most
--
-- Returns how many were returned.

local time = redis.call('TIME')
local silent_since = time[1] + time[2] / 1000000 - ARGV[1]
local lost = {}
for _, tag in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', silent_since, 'LIMIT', 0, ARGV[2])) do
  redis.call('ZREM', KEYS[2], tag)
  local entry = redis.call('HGET', KEYS[1], tag)
  if entry then
    local place = string.match(entry, '\n{"revio_taken":(%d+)')
    lost[#lost + 1] = {tonumber(place) or 0, tag, entry}
  end
end
table.sort(lost, function(one, other)
  return one[1] > other[1]
end)
for _, message in ipairs(lost) do
  local _, tag, entry = unpack(message)
  local cut = string.find(entry, '\n', 1, true)
  redis.call('HDEL', KEYS[1], tag)
  redis.call('RPUSH', string.sub(entry, 1, cut - 1), string.sub(entry, cut + 1))
end
return #lost
