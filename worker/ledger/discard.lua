-- Delete a dead letter.
--
-- KEYS[1]  dead letters (sorted set); see settle.lua for KEYS[1]_kinds and KEYS[1]_by:<how>
-- KEYS[2]  the job's dead letter (hash)
-- ARGV[1]  job id
--
-- Returns 1, or 0 if there was none.

for _, kind in ipairs(redis.call('HKEYS', KEYS[1] .. '_kinds')) do
  redis.call('ZREM', KEYS[1] .. '_by:' .. kind, ARGV[1])
end
redis.call('DEL', KEYS[2])
return redis.call('ZREM', KEYS[1], ARGV[1])
