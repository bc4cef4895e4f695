-- Take back the charge of a call that never left.
--
-- KEYS[1]  minute: list of the latest admissions (see admit.lua)
-- KEYS[2]  the hash of the day that was charged
-- ARGV[1]  the list's entry, "<microseconds>:<token>"
-- ARGV[2]  purpose
--
-- Returns 1 when it was taken back, 0 when the charge is not there any more.

if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then
  return 0
end
redis.call('HINCRBY', KEYS[2], 'calls', -1)
redis.call('HINCRBY', KEYS[2], ARGV[2], -1)
return 1
