-- Count what workers hold of some queues, some messages at a time: during an outage many are put off.
--
-- KEYS[1]     what workers hold (hash: by delivery tag, the queue's key, a newline and the message)
-- KEYS[2]     what was put off of it (sorted set: delivery tag, "back:" before some)
-- KEYS[3...]  the queues' lists
-- ARGV[1]     where to go on: 0 at first, then what was returned
-- ARGV[2]     about how many messages to count
--
-- Returns where to go on (0: that was all), and two numbers per list: messages that a worker has now, and
-- messages that come again later.

local counts = {}
for index = 3, #KEYS do
  counts[KEYS[index]] = {0, 0}
end
local scanned = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local held = scanned[2]
for index = 1, #held, 2 do
  local ends = string.find(held[index + 1], '\n', 1, true) or 1
  local of_queue = counts[string.sub(held[index + 1], 1, ends - 1)]
  if of_queue then
    local is_later = redis.call('ZSCORE', KEYS[2], held[index])
      or redis.call('ZSCORE', KEYS[2], 'back:' .. held[index])
    local place = is_later and 2 or 1
    of_queue[place] = of_queue[place] + 1
  end
end
local answer = {scanned[1]}
for index = 3, #KEYS do
  answer[#answer + 1] = counts[KEYS[index]][1]
  answer[#answer + 1] = counts[KEYS[index]][2]
end
return answer
