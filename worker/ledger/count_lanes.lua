-- Count some of the jobs of a place by their lanes.
--
-- KEYS[1]  the place (sorted set of job ids)
-- ARGV[1]  prefix of the account's job records
-- ARGV[2]  rank of the first job
-- ARGV[3]  rank of the last job
--
-- Returns {lane, count, ...}.

local counts = {}
for _, job in ipairs(redis.call('ZRANGE', KEYS[1], ARGV[2], ARGV[3])) do
  local lane = redis.call('HGET', ARGV[1] .. job, 'lane')
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
