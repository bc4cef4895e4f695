-- Look at one job, all at one moment.
--
-- KEYS[1]  the job's record (hash)
-- KEYS[2]  where it was found: a sorted set of job ids, a product (hash) that it holds, or its record
-- KEYS[3...]  the places where a job can be that has not ended (sorted sets)
-- ARGV[1]  job id
-- ARGV[2]  "set", "product" or "record": what KEYS[2] is
--
-- Returns {1 if it was accepted and has not ended, 1 if it has ended, number of places where it is,
-- 1 if it is still where it was found}.

local function exists(field)
  return redis.call('HEXISTS', KEYS[1], field)
end

local found = 1
if ARGV[2] == 'set' then
  found = redis.call('ZSCORE', KEYS[2], ARGV[1]) and 1 or 0
elseif ARGV[2] == 'product' then
  found = redis.call('HGET', KEYS[2], 'holder') == ARGV[1] and 1 or 0
end
local places = 0
for index = 3, #KEYS do
  places = places + (redis.call('ZSCORE', KEYS[index], ARGV[1]) and 1 or 0)
end
return {exists('sequence'), exists('ended'), places, found}
