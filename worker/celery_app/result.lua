-- Keep a task's state, as Celery's backend does, unless it has succeeded before.
--
-- KEYS[1]  the task's result (string)
-- KEYS[2]  outcome of the task's job (string): nothing is kept unless it is ARGV[3]; may be left out
-- ARGV[1]  Celery's meta (JSON), also told to those who listen on the channel of the key's name
-- ARGV[2]  how long it is kept, seconds
-- ARGV[3]  the outcome that the job must have
--
-- Returns 1 if the result is there now, else 0.

if KEYS[2] and redis.call('GET', KEYS[2]) ~= ARGV[3] then
  return 0
end

-- Whatever else another app has left under the id gives way: its serializer may not be JSON.
local function has_succeeded(text)
  if type(text) ~= 'string' then
    return false
  end
  local is_json, meta = pcall(cjson.decode, text)
  return is_json and type(meta) == 'table' and meta.status == 'SUCCESS'
end

if has_succeeded(redis.pcall('GET', KEYS[1])) then
  return 1
end
redis.call('SETEX', KEYS[1], ARGV[2], ARGV[1])
redis.call('PUBLISH', KEYS[1], ARGV[1])
return 1
