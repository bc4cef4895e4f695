-- Count an account's dead letters by the class of their error, however many there are.
--
-- A letter expires by itself, so a counter would drift. The sets that settle.lua keeps besides that of all
-- letters are counted from the oldest letter that can still be there.
--
-- KEYS[1]  dead letters (sorted set); see settle.lua for KEYS[1]_kinds and KEYS[1]_by:<how>
--
-- Returns {1, how, count, ...}, or {0, ...} if letters of a release that kept no such sets are among them.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kinds = redis.call('HGETALL', KEYS[1] .. '_kinds')
local counts = {0}
local indexed = 0
for index = 1, #kinds, 2 do
  local set = KEYS[1] .. '_by:' .. kinds[index]
  indexed = indexed + redis.call('ZCARD', set)
  counts[#counts + 1] = kinds[index]
  counts[#counts + 1] = redis.call('ZCOUNT', set, now - kinds[index + 1], '+inf')
end
counts[1] = redis.call('ZCARD', KEYS[1]) == indexed and 1 or 0
return counts
