-- Note what somebody decided about a plan, unless somebody else has decided so meanwhile.
--
-- KEYS[1]  approvals (hash): digest:<digest>, back:<digest> and author:<digest> hold who, when and why (JSON);
--          name:<plan> the digest of the plan of that name that was approved last
-- KEYS[2]  the run's audit log (list)
-- KEYS[3]  the run's spec (string)
-- ARGV[1]  the field of the decision
-- ARGV[2]  the decision (JSON)
-- ARGV[3]  the decision that the field is known to hold; "" if none
-- ARGV[4]  the entry of the audit log
-- ARGV[5]  retention of the audit log of a run that has not begun (s)
-- ARGV[6]  the field name:<plan>; "" to leave it
-- ARGV[7]  its value
-- ARGV[8]  the field of a decision against it, after which this one is too late; "" if the start of the run is
--
-- Returns {'noted'}; or with nothing noted {'held', the decision that stands}, or {'begun'}.

-- Who, when and why: releases have added to what else a decision holds.
local function is_known(held)
  if not held or ARGV[3] == '' then
    return not held
  end
  local one, other = cjson.decode(held), cjson.decode(ARGV[3])
  return one[1] == other[1] and one[2] == other[2] and one[3] == other[3]
end

if ARGV[8] == '' then
  if redis.call('EXISTS', KEYS[3]) == 1 then
    return {'begun'}
  end
else
  local against = redis.call('HGET', KEYS[1], ARGV[8])
  if against then
    return {'held', against}
  end
end
local held = redis.call('HGET', KEYS[1], ARGV[1])
if not is_known(held) then
  return {'held', held}
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if ARGV[6] ~= '' then
  redis.call('HSET', KEYS[1], ARGV[6], ARGV[7])
end
redis.call('RPUSH', KEYS[2], ARGV[4])
if redis.call('EXISTS', KEYS[3]) == 0 then
  redis.call('EXPIRE', KEYS[2], ARGV[5])
end
return {'noted'}
