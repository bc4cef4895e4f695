-- Count where the jobs of an account are, at one moment. Reads only, so a full Redis answers, too.
--
-- KEYS[1]     the account's submission counter (string)
-- KEYS[2]     how many jobs ended, by how (hash)
-- KEYS[3]     how many of that counter's numbers were given to messages as they left their queue, and so
--             to no accepted job (string)
-- KEYS[4...]  the places where a job can be that has not ended (sorted sets)
--
-- Returns {accepted, {how, count, ...}, members of each place...}.

local accepted = (redis.call('GET', KEYS[1]) or 0) - (redis.call('GET', KEYS[3]) or 0)
local counts = {accepted, redis.call('HGETALL', KEYS[2])}
for index = 4, #KEYS do
  counts[#counts + 1] = redis.call('ZCARD', KEYS[index])
end
return counts
