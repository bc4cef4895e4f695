-- Tell whether jobs without a result exist at all.
--
-- KEYS[1...]  the queues of the account's lanes (lists)
-- then two    the messages that workers hold, or held in earlier releases (hashes)
-- and for each job
--   its record (hash)
--   its outcome (string)
--   Celery's result (string)
-- ARGV[1]  scan the messages only if there are no more than this
-- ARGV[2]  how many queues there are
-- ARGV[3...]  the jobs' ids
--
-- Returns for each job "there" (also when nothing can be told), "gone", or {how, at_ms}: how and when it
-- ended; its result has expired.

local queued_ids
local queues = tonumber(ARGV[2])

local function note(messages)
  for _, message in ipairs(messages) do
    local id = string.match(message, '"id": ?"([^"]*)"')
    if id then
      queued_ids[id] = true
    end
  end
end

local function has_message(id)
  if queued_ids == nil then
    local count = 0
    for index = 1, queues + 2 do
      count = count + redis.call(index <= queues and 'LLEN' or 'HLEN', KEYS[index])
    end
    queued_ids = count <= tonumber(ARGV[1]) and {}
    for index = 1, queued_ids and queues + 2 or 0 do
      note(index <= queues and redis.call('LRANGE', KEYS[index], 0, -1) or redis.call('HVALS', KEYS[index]))
    end
  end
  -- An id of other characters stands escaped in its message.
  return not queued_ids or queued_ids[id] or string.find(id, '[^%w._:-]')
end

local answers = {}
for job = 1, #ARGV - 2 do
  local record, outcome, result = unpack(KEYS, queues + 3 * job, queues + 3 * job + 2)
  local how, at, accepted = unpack(redis.call('HMGET', record, 'ended', 'at', 'fingerprint'))
  if redis.call('EXISTS', outcome, result) > 0 then
    answers[job] = 'there'
  elseif how then
    answers[job] = {how, at}
  else
    answers[job] = (accepted or has_message(ARGV[job + 2])) and 'there' or 'gone'
  end
end
return answers
