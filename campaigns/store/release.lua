-- Give the feeder's lease back, if it is still ours.
--
-- KEYS[1] feeder's lease (string)   ARGV[1] token
--
-- Returns 1, or 0 when another feeder has it.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
