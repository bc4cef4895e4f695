-- Start a run whose rows have been stored, once.
--
-- KEYS[1] spec (string)      KEYS[2] control (hash: status, reason, rate, weight, gate, since:<outcome>)
-- KEYS[3] progress (hash)    KEYS[4] audit (list)
-- KEYS[5] active runs (set)  KEYS[6] all runs (sorted set: run by its start, Unix seconds)
-- KEYS[7] rows (hash)        KEYS[8] ids (string)
-- KEYS[9] approvals (hash)
-- ARGV[1] run   ARGV[2] spec (JSON)   ARGV[3] gate (JSON)   ARGV[4] rate or ""   ARGV[5] weight
-- ARGV[6] audit entry (JSON)          ARGV[7] why nothing is sent yet, or ""
-- ARGV[8] the field of the approvals that holds who has sent the plan back
--
-- Returns 1; or with nothing begun 0 when there is such a run already or the plan has been sent back, or when the run
-- began (Unix seconds) if it has ended so long ago that only this is known.

if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
-- To store the rows takes time, in which somebody may have looked at the plan once more.
local began = redis.call('ZSCORE', KEYS[6], ARGV[1])
if began or redis.call('HEXISTS', KEYS[9], ARGV[8]) == 1 then
  redis.call('UNLINK', KEYS[7], KEYS[8])
  return tonumber(began or 0)
end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[2], 'status', 'running', 'reason', '', 'rate', ARGV[4], 'weight', ARGV[5],
  'gate', ARGV[3])
redis.call('HSET', KEYS[3], 'phase', 'feeding', 'stage', 0, 'cursor', 0, 'checked', 0,
  'waits', ARGV[7])
redis.call('RPUSH', KEYS[4], ARGV[6])
redis.call('SADD', KEYS[5], ARGV[1])
redis.call('ZADD', KEYS[6], redis.call('TIME')[1], ARGV[1])
-- What was there before the run (rows, the plan's approval) lives as long as it does; see stop.lua.
for _, index in ipairs({4, 7, 8}) do
  redis.call('PERSIST', KEYS[index])
end
return 1
