-- Return a message that this worker holds to the front of its queue, now or later.
--
-- KEYS[1]  what workers hold (hash, see take.lua)
-- KEYS[2]  when it was last said to be held (sorted set: delivery tag by Redis's time, s)
-- KEYS[3]  what was put off (sorted set: delivery tag by the time when it is due, s; see take.lua)
-- ARGV[1]  in how many seconds; 0: now
-- ARGV[2]  1 if an attempt was made that is to be counted; 0: none was, and a message that is put off
--          goes to the back of its queue
-- ARGV[3...]  delivery tags; the last one comes first
--
-- Returns how many of them this worker held.

local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local returned = 0

local function counted(entry)
  return (string.gsub(entry, '(\n{"revio_taken":%d+,"revio_retries":)(%d+)', function(stamp, retries)
    return stamp .. (retries + 1)
  end, 1))
end

for index = 3, #ARGV do
  local tag = ARGV[index]
  -- First what takes no room: a full Redis refuses a script at its first write only.
  local was_held = redis.call('ZREM', KEYS[2], tag)
  local entry = redis.call('HGET', KEYS[1], tag)
  if was_held == 1 and entry then
    returned = returned + 1
    if tonumber(ARGV[1]) > 0 then
      redis.call('ZADD', KEYS[3], now + ARGV[1], (ARGV[2] == '1' and '' or 'back:') .. tag)
      if ARGV[2] == '1' then
        redis.call('HSET', KEYS[1], tag, counted(entry))
      end
    else
      local cut = string.find(entry, '\n', 1, true)
      redis.call('HDEL', KEYS[1], tag)
      redis.call('RPUSH', string.sub(entry, 1, cut - 1), string.sub(entry, cut + 1))
    end
  end
end
return returned
