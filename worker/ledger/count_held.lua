-- Count what workers hold of some queues, all at one moment.
--
-- KEYS[1]     what workers hold (hash: by delivery tag, the queue's key, a newline and the message)
-- KEYS[2]     what was put off of it (sorted set: delivery tag, "back:" before some)
-- KEYS[3...]  the queues' lists
--
-- Returns two numbers per list: messages that a worker has now, and messages that come again later.

local later = {}
for _, member in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  later[(string.gsub(member, '^back:', ''))] = true
end
local counts = {}
for index = 3, #KEYS do
  counts[KEYS[index]] = {0, 0}
end
local held = redis.call('HGETALL', KEYS[1])
for index = 1, #held, 2 do
  local ends = string.find(held[index + 1], '\n', 1, true) or 1
  local of_queue = counts[string.sub(held[index + 1], 1, ends - 1)]
  if of_queue then
    local place = later[held[index]] and 2 or 1
    of_queue[place] = of_queue[place] + 1
  end
end
local answer = {}
for index = 3, #KEYS do
  answer[#answer + 1] = counts[KEYS[index]][1]
  answer[#answer + 1] = counts[KEYS[index]][2]
end
return answer
