-- Count where the jobs of an account are, at one moment. Reads only, so a full Redis answers, too.
--
-- KEYS[1]     the number of accepted jobs (string)
-- KEYS[2]     how many jobs ended, by how (hash)
-- KEYS[3]     dead letters (sorted set: job id); that of a job is at KEYS[3]:<job id>, until it expires
-- KEYS[4...]  the places where a job can be that has not ended (sorted sets)
--
-- Returns {accepted or "0", {how, count, ...}, dead letters that are still there, members of each place...}.

local there = 0
for _, job in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  there = there + redis.call('EXISTS', KEYS[3] .. ':' .. job)
end
local counts = {redis.call('GET', KEYS[1]) or '0', redis.call('HGETALL', KEYS[2]), there}
for index = 4, #KEYS do
  counts[#counts + 1] = redis.call('ZCARD', KEYS[index])
end
return counts
