-- Inspect some jobs, all at one moment.
--
-- KEYS[1]  prefix of the account's job records
-- then     the places where a job can be that has not ended (sorted sets of job ids)
-- then     for each job, the key in which it was found
-- ARGV[1]  how many such places there are
-- ARGV[2]  what the jobs were found in: "set" (sorted set of job ids), "product" (hash, whose holder
--          the job is) or "record"
-- ARGV[3...]  the jobs' ids
--
-- Returns four numbers per job: 1 if it was accepted and has not ended, 1 if it has ended, the number of
-- places where it is, 1 if it is still where it was found; else 0.

local function is_in(key, job)
  if ARGV[2] == 'set' then
    return redis.call('ZSCORE', key, job) and 1 or 0
  elseif ARGV[2] == 'product' then
    return redis.call('HGET', key, 'holder') == job and 1 or 0
  end
  return 1
end

local last_place = 1 + ARGV[1]
local states = {}
for index = 3, #ARGV do
  local job = ARGV[index]
  local record = redis.call('HMGET', KEYS[1] .. job, 'sequence', 'ended')
  local places = 0
  for place = 2, last_place do
    places = places + (redis.call('ZSCORE', KEYS[place], job) and 1 or 0)
  end
  states[#states + 1] = record[1] and 1 or 0
  states[#states + 1] = record[2] and 1 or 0
  states[#states + 1] = places
  states[#states + 1] = is_in(KEYS[last_place + index - 2], job)
end
return states
