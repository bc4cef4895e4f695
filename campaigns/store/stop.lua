-- Halt a run, or end it.
--
-- KEYS[1] feeder's lease   KEYS[2] control (hash)   KEYS[3] active runs (set)   KEYS[4] audit (list)
-- ARGV[1] token   ARGV[2] run   ARGV[3] status   ARGV[4] reason   ARGV[5] audit entry (JSON)
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
return 1
