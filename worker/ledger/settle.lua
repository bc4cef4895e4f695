-- Record a job's outcome. Loaded after history.lua.
--
-- All that follows from the end of a job happens in this one step: outcome, key, dead letter, the fields
-- that the product now has from it, its places, and the count for the audit. Each of these was once a step
-- of its own, and a kill between two of them left an ended job in a waiting set, or a product that no job
-- could get. The job's next in line is only returned, since putting its message into a queue needs its
-- text, which the caller makes; if it dies first, the sweep does that when the parked job's time is over.
--
-- wrote:<field> keeps the highest sequence that wrote the field, not the latest: a retry that comes late
-- compares its own sequence with it and drops what a newer job has set.
--
-- KEYS[1]  the job's record (hash)      KEYS[2]  the job's outcome (string)
-- KEYS[3]  running (sorted set)         KEYS[4]  the product (hash, see claim.lua)
-- KEYS[5]  the jobs parked for the product (sorted set: job id by sequence)
-- KEYS[6]  the product's line: its jobs that have not ended (sorted set: job id by sequence)
-- KEYS[7]  waiting, interactive         KEYS[8]  waiting, bulk       KEYS[9]  delayed   (sorted sets)
-- KEYS[10] how many jobs ended, by how (hash)
-- KEYS[11] dead letters (sorted set: job id by the time it failed, ms)
-- KEYS[12] the job's dead letter (hash); that of another job is at KEYS[11]:<job id>. Dead letters are also
--          in KEYS[11]_by:<how> (sorted sets as KEYS[11]), and KEYS[11]_kinds (hash) has for each of these how
--          long letters are kept (ms): see count_dead.lua
-- KEYS[13] the history of ended updates (stream), kept for as long as outcomes
-- KEYS[14] how many updates it has had (string)
-- ARGV[1]  job id
-- ARGV[2]  token of the lease
-- ARGV[3]  outcome (JSON)
-- ARGV[4]  how it ended, in a word
-- ARGV[5]  retention of the outcome (s)
-- ARGV[6]  retention of the key (s)
-- ARGV[7]  retention of its dead letter (s); 0: it leaves none
-- ARGV[8]  the largest number of dead letters
-- ARGV[9...]  the fields that the vendor now has from this job
--
-- Returns {1, the next job parked for the product or ""}, or {0} if another worker has the lease. Recording
-- the same outcome again succeeds: the answer to the first time may have been lost.

local function settled()
  return {1, redis.call('ZRANGE', KEYS[5], 0, 0)[1] or ''}
end

local record = redis.call('HMGET', KEYS[1], 'token', 'sequence', 'ended', 'fingerprint')
if record[3] and redis.call('GET', KEYS[2]) == ARGV[3] then
  return settled()
end
-- A lease that has run out is still good here, as long as no other worker took the job.
if record[1] ~= ARGV[2] then
  return {0}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function bury()
  local names = {'payload', 'lane', 'sequence', 'accepted', 'attempts', 'claims', 'history'}
  local letter = {'how', ARGV[4], 'outcome', ARGV[3], 'at', now}
  for index, value in ipairs(redis.call('HMGET', KEYS[1], unpack(names))) do
    if value then
      letter[#letter + 1] = names[index]
      letter[#letter + 1] = value
    end
  end
  redis.call('HSET', KEYS[12], unpack(letter))
  redis.call('EXPIRE', KEYS[12], ARGV[7])
  redis.call('ZADD', KEYS[11], now, ARGV[1])
  redis.call('ZADD', KEYS[11] .. '_by:' .. ARGV[4], now, ARGV[1])
  redis.call('HSET', KEYS[11] .. '_kinds', ARGV[4], ARGV[7] * 1000)
  local sets = {KEYS[11]}
  for _, kind in ipairs(redis.call('HKEYS', KEYS[11] .. '_kinds')) do
    sets[#sets + 1] = KEYS[11] .. '_by:' .. kind
  end
  for _, set in ipairs(sets) do
    redis.call('ZREMRANGEBYSCORE', set, '-inf', now - ARGV[7] * 1000)
  end
  while redis.call('ZCARD', KEYS[11]) > tonumber(ARGV[8]) do
    local oldest = redis.call('ZRANGE', KEYS[11], 0, 0)[1]
    redis.call('DEL', KEYS[11] .. ':' .. oldest)
    for _, set in ipairs(sets) do
      redis.call('ZREM', set, oldest)
    end
  end
end

if tonumber(ARGV[7]) > 0 then
  bury()
end
note_in_history(KEYS[13], KEYS[14], ARGV[5], KEYS[1], ARGV[1], ARGV[4], ARGV[3], now)
redis.call('HINCRBY', KEYS[10], ARGV[4], 1)
redis.call('SET', KEYS[2], ARGV[3], 'EX', ARGV[5])
-- Replaced: a hash that has held a payload keeps its large encoding, at more than twice the memory.
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'fingerprint', record[4], 'ended', ARGV[4], 'at', now)
redis.call('EXPIRE', KEYS[1], ARGV[6])
for _, set in ipairs({KEYS[3], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]}) do
  redis.call('ZREM', set, ARGV[1])
end

if redis.call('HGET', KEYS[4], 'holder') == ARGV[1] then
  redis.call('HDEL', KEYS[4], 'holder')
end
for index = 9, #ARGV do
  local name = 'wrote:' .. ARGV[index]
  local before = redis.call('HGET', KEYS[4], name)
  if not before or tonumber(string.match(before, '^%d+')) < tonumber(record[2]) then
    redis.call('HSET', KEYS[4], name, record[2] .. ':' .. ARGV[1])
  end
end
if #ARGV >= 9 then
  -- Answers that were read before this moment may show the product as it was.
  redis.call('HSET', KEYS[4], 'written', now)
end
redis.call('EXPIRE', KEYS[4], ARGV[6])
return settled()
