-- Note what somebody decided about a plan, unless somebody else has decided so meanwhile.
--
-- KEYS[1]  approvals (hash): digest:<digest>, back:<digest> and author:<digest> hold who, when and why (JSON);
--          name:<plan> the digest of the plan of that name that was approved last
-- KEYS[2]  the run's audit log (list)
-- ARGV[1]  the field of the decision
-- ARGV[2]  the decision (JSON)
-- ARGV[3]  the decision that the field is known to hold; "" if none
-- ARGV[4]  the entry of the audit log
-- ARGV[5]  retention of the audit log (s)
-- ARGV[6]  the field name:<plan>; "" to leave it
-- ARGV[7]  its value
--
-- Returns nil, or what the field holds otherwise: then nothing was noted.

-- Who, when and why: releases have added to what else a decision holds.
local function is_known(held)
  if not held or ARGV[3] == '' then
    return not held and ARGV[3] == ''
  end
  local one, other = cjson.decode(held), cjson.decode(ARGV[3])
  return one[1] == other[1] and one[2] == other[2] and one[3] == other[3]
end

local held = redis.call('HGET', KEYS[1], ARGV[1])
if not is_known(held) then
  return held or ''
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if ARGV[6] ~= '' then
  redis.call('HSET', KEYS[1], ARGV[6], ARGV[7])
end
redis.call('RPUSH', KEYS[2], ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[5])
return nil
