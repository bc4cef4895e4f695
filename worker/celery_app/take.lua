-- Take messages from their queues and note them as held by this worker, in one step: at no instant is a
-- message in neither place. Messages whose time has come go back to their queues first.
--
-- KEYS[1]  what workers hold (hash: by delivery tag, the queue's key, a newline and the message)
-- KEYS[2]  when it was last said to be held (sorted set: delivery tag by Redis's time, s)
-- KEYS[3]  what was put off (sorted set: delivery tag by the time when it is due, s; "back:" before the tag
--          of a message that goes to the back of its queue)
-- KEYS[4...]  the queues (lists): those of the first priority, then those of the next; behind them lists
--             of which to tell only whether they hold a message
-- ARGV[1]  how many messages at most
-- ARGV[2]  how many queues each priority has
-- ARGV[3]  prefix of the new delivery tags
-- ARGV[4]  number of the first of them
-- ARGV[5]  name of the task whose messages are numbered
-- ARGV[6]  what is put before all keys; queues are named without it
-- ARGV[7]  how many lists to tell of
-- ARGV[8]  1 if accounts share the worker's threads: none takes so many that a newcomer would wait
-- ARGV[9]  how many accounts have threads now
-- ARGV[10...]  those accounts, each followed by the number of its threads; then delivery tags of messages
--              whose jobs have ended: they are acknowledged
--
-- Returns {queue's key, delivery tag, message, ...}; of a list that is only told of, tag and message are ''.
--
-- A message taken for the first time gets a stamp, two members at the beginning of its JSON object:
-- revio_taken, its place in the account's order of submissions (0 for other tasks), and revio_retries,
-- how many attempts it has been through. It keeps them until it ends, so the order of updates
-- is the order in which they left their queue, also when one comes back after its worker has died.

local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000

-- Each of the script's first writes makes room: a full Redis refuses a script at its first write only.
local first_ended = 10 + 2 * ARGV[9]
if #ARGV >= first_ended then
  redis.call('ZREM', KEYS[2], unpack(ARGV, first_ended))
  redis.call('HDEL', KEYS[1], unpack(ARGV, first_ended))
end

for _, later in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('ZREM', KEYS[3], later)
  local tag, to_back = string.gsub(later, '^back:', '')
  local entry = redis.call('HGET', KEYS[1], tag)
  if entry then
    redis.call('HDEL', KEYS[1], tag)
    local cut = string.find(entry, '\n', 1, true)
    local push = to_back == 1 and 'LPUSH' or 'RPUSH'
    redis.call(push, string.sub(entry, 1, cut - 1), string.sub(entry, cut + 1))
  end
end

local function account_of(queue)
  return string.match(string.sub(queue, #ARGV[6] + 1), '^revio%.(.+)%.[^.]+$')
end

local function place(queue, message)
  local account = account_of(queue)
  if not account or not string.find(message, ARGV[5], 1, true) then
    return 0
  end
  -- The same counter as that of submissions through the client; the audit counts what this leaves out.
  redis.call('INCR', ARGV[6] .. 'revio:' .. account .. ':unused_sequences')
  return redis.call('INCR', ARGV[6] .. 'revio:' .. account .. ':sequence')
end

local function stamped(queue, message)
  if string.sub(message, 1, 1) ~= '{' or string.find(message, '^{"revio_taken":%d') then
    return message
  end
  local stamp = '{"revio_taken":' .. place(queue, message) .. ',"revio_retries":0'
  if string.find(message, '^{%s*}') then
    return stamp .. '}'
  end
  return stamp .. ',' .. string.sub(message, 2)
end

local left, number, taken = tonumber(ARGV[1]), tonumber(ARGV[4]), {}

local threads = {}
for index = 10, first_ended - 1, 2 do
  threads[ARGV[index]] = tonumber(ARGV[index + 1])
end

-- An account may have three times as many threads as it leaves free: alone 12 of 16, so that another one
-- finds a thread at once; with many busy ones fewer each. The last free thread is for one that has none.
local function allowance(queue)
  if ARGV[8] ~= '1' then
    return left
  end
  local has = threads[account_of(queue) or ''] or 0
  return math.max(has == 0 and 1 or 0, math.floor((3 * left - has) / 4))
end

local function take(queue, share)
  local messages = redis.call('RPOP', queue, share)
  for _, message in ipairs(messages or {}) do
    message = stamped(queue, message)
    local tag = ARGV[3] .. number
    redis.call('ZADD', KEYS[2], now, tag)
    redis.call('HSET', KEYS[1], tag, queue .. '\n' .. message)
    taken[#taken + 1] = queue
    taken[#taken + 1] = tag
    taken[#taken + 1] = message
    number, left = number + 1, left - 1
  end
  local account = account_of(queue) or ''
  threads[account] = (threads[account] or 0) + #(messages or {})
  return messages and #messages == share
end

-- Queues of one priority share what may be taken; what one cannot use goes to the others.
local width, last = tonumber(ARGV[2]), #KEYS - ARGV[7]
for first = 4, last, math.max(width, 1) do
  local queues = {unpack(KEYS, first, first + width - 1)}
  if redis.call('EXISTS', unpack(queues)) == 0 then
    queues = {}
  end
  while left > 0 and #queues > 0 do
    local fuller = {}
    for index, queue in ipairs(queues) do
      local share = math.min(math.ceil(left / (#queues - index + 1)), allowance(queue))
      if share > 0 and take(queue, share) then
        fuller[#fuller + 1] = queue
      end
    end
    queues = fuller
  end
end

if last < #KEYS and redis.call('EXISTS', unpack(KEYS, last + 1)) > 0 then
  for index = last + 1, #KEYS do
    if redis.call('EXISTS', KEYS[index]) == 1 then
      taken[#taken + 1] = KEYS[index]
      taken[#taken + 1] = ''
      taken[#taken + 1] = ''
    end
  end
end
return taken
