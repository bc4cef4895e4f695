-- Count where the jobs of an account are, at one moment. Reads only, so a full Redis answers, too.
--
-- KEYS[1]     the account's submission counter (string)
-- KEYS[2]     how many jobs ended, by how (hash)
-- KEYS[3]     dead letters (sorted set: job id); that of a job is at KEYS[3]:<job id>, until it expires
-- KEYS[4]     how many of that counter's numbers were given to messages as they left their queue, and so
--             to no accepted job (string)
-- KEYS[5...]  the places where a job can be that has not ended (sorted sets)
--
-- Returns {accepted, {how, count, ...}, dead letters that are still there, members of each place...}.

local there = 0
for _, job in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  there = there + redis.call('EXISTS', KEYS[3] .. ':' .. job)
end
local accepted = (redis.call('GET', KEYS[1]) or 0) - (redis.call('GET', KEYS[4]) or 0)
local counts = {accepted, redis.call('HGETALL', KEYS[2]), there}
for index = 5, #KEYS do
  counts[#counts + 1] = redis.call('ZCARD', KEYS[index])
end
return counts
