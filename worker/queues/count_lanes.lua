-- Count some of the jobs of a place by their lanes.
--
-- KEYS[1]  the place (sorted set of job ids)
-- KEYS[2]  prefix of the account's job records
-- ARGV[1]  rank of the first job
-- ARGV[2]  rank of the last job
--
-- Returns {lane, count, ...}.

local counts = {}
for _, job in ipairs(redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2])) do
  local lane = redis.call('HGET', KEYS[2] .. job, 'lane')
  if lane then
    counts[lane] = (counts[lane] or 0) + 1
  end
end
local answer = {}
for lane, count in pairs(counts) do
  answer[#answer + 1] = lane
  answer[#answer + 1] = count
end
return answer
