-- Give a lease back, if the token still holds it.
--
-- KEYS[1] the lease (string)   ARGV[1] token
--
-- Returns 1, or 0 when another token holds it.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
