-- Takes a member out, and the account's session with the last of them.
-- KEYS: 1 the members, scored by the Unix time at which each is forgotten; 2 the sealed session
-- ARGV: 1 the member that leaves; 2 the Unix time now
-- Result: the sealed session if nobody is left to use it, else nil
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2])
if redis.call('ZCARD', KEYS[1]) > 0 then
  return false
end
local session = redis.call('GET', KEYS[2])
redis.call('DEL', KEYS[2])
return session
