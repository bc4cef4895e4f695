-- Look whether jobs of which no result is to be seen exist at all.
--
-- KEYS[1], KEYS[2]  the queues of the account's lanes (lists)
-- KEYS[3]  the messages that workers hold (hash)
-- and for each job
--   its record (hash)
--   its outcome (string)
--   Celery's result (string)
-- ARGV[1]  look through messages only if there are no more than this
-- ARGV[2...]  the jobs' ids
--
-- Returns for each job "there" (or nobody can tell), "gone", or {how, at_ms}: it ended in that way then,
-- and its result has gone.

local found

local function note(messages)
  for _, message in ipairs(messages) do
    local id = string.match(message, '"id": ?"([^"]*)"')
    if id then
      found[id] = true
    end
  end
end

local function has_message(id)
  if found == nil then
    local count = redis.call('LLEN', KEYS[1]) + redis.call('LLEN', KEYS[2]) + redis.call('HLEN', KEYS[3])
    found = count <= tonumber(ARGV[1]) and {}
    if found then
      note(redis.call('LRANGE', KEYS[1], 0, -1))
      note(redis.call('LRANGE', KEYS[2], 0, -1))
      note(redis.call('HVALS', KEYS[3]))
    end
  end
  -- An id of other characters stands escaped in its message.
  return not found or found[id] or string.find(id, '[^%w._:-]')
end

local answers = {}
for job = 1, #ARGV - 1 do
  local record, outcome, result = KEYS[3 * job + 1], KEYS[3 * job + 2], KEYS[3 * job + 3]
  local how, at, accepted = unpack(redis.call('HMGET', record, 'ended', 'at', 'fingerprint'))
  if redis.call('EXISTS', outcome, result) > 0 then
    answers[job] = 'there'
  elseif how then
    answers[job] = {how, at}
  else
    answers[job] = (accepted or has_message(ARGV[job + 1])) and 'there' or 'gone'
  end
end
return answers
