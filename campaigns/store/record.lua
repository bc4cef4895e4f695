-- Note one step of a run: rows read, sent and ended, and where the run is.
--
-- KEYS[1] feeder's lease (string)  KEYS[2] progress (hash)   KEYS[3] todo (hash: row, key number)
-- KEYS[4] in flight (as todo)      KEYS[5] details (hash: row, JSON)
-- KEYS[6] pace (hash: minute, rows ended in it)              KEYS[7] prefix of the outcomes (hashes)
-- KEYS[8] errors (hash: their words, rows)
-- KEYS[9...] all that the run has but its outcomes
-- ARGV[1] token of the lease
-- ARGV[2] {"ended": [[row, chunk, outcome, at, detail or "", words of its error or ""]...], "todo": [[row, number]...],
--          "sent": [[row, number]...], "set": {field: value...}} (JSON)
--
-- Returns 1, or 0 when another feeder has the lease. A row that has ended is not counted again; only
-- "differs" takes the place of "applied".

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
local step = cjson.decode(ARGV[2])
local minute = math.floor(redis.call('TIME')[1] / 60)
local touched = {}
local KINDS = 200

-- Of any number of different words only so many are kept apart.
local function count_error(words)
  if redis.call('HEXISTS', KEYS[8], words) == 0 and redis.call('HLEN', KEYS[8]) >= KINDS then
    words = 'others'
  end
  redis.call('HINCRBY', KEYS[8], words, 1)
end

for _, row in ipairs(step.ended) do
  local key, field, outcome = KEYS[7] .. row[2], row[1], row[3]
  local before = redis.call('HGET', key, field)
  before = before and string.match(before, '^%S+')
  if not before or (outcome == 'differs' and before == 'applied') then
    redis.call('HSET', key, field, outcome .. ' ' .. row[4])
    redis.call('HINCRBY', KEYS[2], 'count:' .. outcome, 1)
    if before then
      redis.call('HINCRBY', KEYS[2], 'count:' .. before, -1)
    else
      redis.call('HINCRBY', KEYS[6], minute, 1)
    end
    if row[5] ~= '' then
      redis.call('HSET', KEYS[5], field, row[5])
    end
    if row[6] ~= '' then
      count_error(row[6])
    end
    touched[key] = true
  end
  redis.call('HDEL', KEYS[3], field)
  redis.call('HDEL', KEYS[4], field)
end
for _, row in ipairs(step.todo) do
  redis.call('HDEL', KEYS[4], row[1])
  redis.call('HSET', KEYS[3], row[1], row[2])
end
for _, row in ipairs(step.sent) do
  redis.call('HDEL', KEYS[3], row[1])
  redis.call('HSET', KEYS[4], row[1], row[2])
end
for field, value in pairs(step.set) do
  redis.call('HSET', KEYS[2], field, value)
end

if redis.call('HLEN', KEYS[6]) > 60 then
  for _, field in ipairs(redis.call('HKEYS', KEYS[6])) do
    if tonumber(field) < minute - 30 then
      redis.call('HDEL', KEYS[6], field)
    end
  end
end
-- A run that has not ended does not expire, not even one that an earlier release began.
for key in pairs(touched) do
  redis.call('PERSIST', key)
end
for index = 9, #KEYS do
  redis.call('PERSIST', KEYS[index])
end
return 1
