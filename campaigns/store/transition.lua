-- An operator's decision on a run.
--
-- KEYS[1] control (hash)   KEYS[2] progress (hash)   KEYS[3] audit (list)
-- ARGV[1] status, or "" to leave it   ARGV[2] reason   ARGV[3] audit entry (JSON)
-- ARGV[4] the statuses from which this is possible, separated by commas
-- ARGV[5] `RunState.digest` of what whoever decides has read, or "any" if it does not matter
-- ARGV[6...] fields of control to set, and their values
--
-- Returns {1, status, reason} as they were before, or, with nothing changed, {0, status, reason} as they are; the
-- status is "" when there is no run.

local was = redis.call('HMGET', KEYS[1], 'status', 'reason')
local status, reason = was[1] or '', was[2] or ''
if status == '' or not string.find(',' .. ARGV[4] .. ',', ',' .. status .. ',', 1, true) then
  return {0, status, reason}
end
if ARGV[5] ~= 'any' and ARGV[5] ~= redis.sha1hex(status .. ': ' .. reason) then
  return {0, status, reason}
end
if ARGV[1] ~= '' then
  redis.call('HSET', KEYS[1], 'status', ARGV[1], 'reason', ARGV[2])
  if ARGV[1] == 'running' and status == 'halted' then
    -- Whoever resumes has seen what led to the halt: the next one looks at what comes after. A pause says nothing of
    -- that, and must not let a stage pass whose products read back otherwise.
    local fields = redis.call('HGETALL', KEYS[2])
    for index = 1, #fields, 2 do
      local outcome = string.match(fields[index], '^count:(.+)$')
      if outcome then
        redis.call('HSET', KEYS[1], 'since:' .. outcome, fields[index + 1])
      end
    end
  end
end
for index = 6, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1])
end
redis.call('RPUSH', KEYS[3], ARGV[3])
return {1, status, reason}
