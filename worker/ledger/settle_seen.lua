-- Give a job that ended as OutcomeUnknown the outcome that a person has seen at the vendor. Loaded after
-- history.lua and letters.lua.
--
-- The count of how jobs ended stays: the job ended once, as unknown. The fields that it sent count as
-- written since then (see settle.lua), so nothing about the product changes here.
--
-- KEYS[1]  the job's record (hash)      KEYS[2]  the job's outcome (string)
-- KEYS[3]  dead letters (sorted set); see settle.lua for KEYS[3]_kinds and KEYS[3]_by:<how>
-- KEYS[4]  the job's dead letter (hash)
-- KEYS[5]  the history of ended updates (stream)
-- KEYS[6]  how many updates it has had (string)
-- ARGV[1]  job id
-- ARGV[2]  outcome (JSON)
-- ARGV[3]  how it ended, in a word
-- ARGV[4]  retention of the outcome (s)
-- ARGV[5]  retention of the key (s)
--
-- Returns 1; 0 if the job has no dead letter any more, or did not end as OutcomeUnknown.

if redis.call('HGET', KEYS[1], 'ended') ~= 'OutcomeUnknown' or redis.call('EXISTS', KEYS[4]) == 0 then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[4])
redis.call('HSET', KEYS[1], 'ended', ARGV[3], 'at', now)
redis.call('EXPIRE', KEYS[1], ARGV[5])
note_in_history(KEYS[5], KEYS[6], ARGV[4], KEYS[4], ARGV[1], ARGV[3], ARGV[2], now)
forget_letter(KEYS[3], KEYS[4], ARGV[1])
return 1
