-- Halt a run, or end it.
--
-- KEYS[1] feeder's lease   KEYS[2] control (hash)   KEYS[3] active runs (set)   KEYS[4] audit (list)
-- KEYS[5] prefix of the outcomes (hashes)           KEYS[6] spec (string)
-- KEYS[7...] all that the run has but its outcomes
-- ARGV[1] token   ARGV[2] run   ARGV[3] status   ARGV[4] reason   ARGV[5] audit entry (JSON)
-- ARGV[6] how long a run that has ended is kept (s)
-- ARGV[7] rows whose outcomes are in one hash
--
-- Returns 1, or 0 when another feeder has the lease. A run that an operator has paused meanwhile
-- stays so, and one that has ended is left as it is.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
local status = redis.call('HGET', KEYS[2], 'status')
if status ~= 'running' and status ~= ARGV[3] then
  return 1
end
if ARGV[3] ~= 'halted' and redis.call('SREM', KEYS[3], ARGV[2]) == 0 then
  return 1
end
if status ~= ARGV[3] then
  redis.call('HSET', KEYS[2], 'status', ARGV[3], 'reason', ARGV[4])
end
redis.call('RPUSH', KEYS[4], ARGV[5])
if ARGV[3] ~= 'halted' then
  -- All of it goes at the same time: rows without their outcomes would look as if nobody had changed them.
  local spec = redis.call('GET', KEYS[6])
  local chunks = spec and math.ceil(cjson.decode(spec).rows / ARGV[7]) or 0
  for chunk = 0, chunks - 1 do
    redis.call('EXPIRE', KEYS[5] .. chunk, ARGV[6])
  end
  for index = 7, #KEYS do
    redis.call('EXPIRE', KEYS[index], ARGV[6])
  end
end
return 1
