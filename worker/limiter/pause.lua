-- Pause an account's calls because the vendor told us to. A pause that already lasts longer stays.
--
-- KEYS[1]  arrivals: sorted set of the latest calls (see admit.lua)
-- KEYS[2]  state (see admit.lua)
-- KEYS[3]  clock (see admit.lua)
-- ARGV[1]  length (microseconds)
-- ARGV[2]  reason
-- ARGV[3]  1 if the vendor said that the minute's calls are used up, else 0
-- ARGV[4]  the minute's limit
-- ARGV[5]  recovery: time in which a ceiling climbs from nothing to the limit (microseconds)
-- ARGV[6]  longest time for which a call counts against the minute (microseconds)
--
-- Returns {1 when this pause counts, the lowered ceiling or 0}.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2] + (redis.call('HGET', KEYS[3], 'offset') or 0)
local ends = now + ARGV[1]
local state = redis.call('HMGET', KEYS[2], 'paused_until', 'ceiling', 'ceiling_at', 'ramp_from')
local paused_until = tonumber(state[1] or 0)
if paused_until >= ends then
  return {0, 0}
end

local lowered = 0
if paused_until <= now then
  local limit, window = tonumber(ARGV[4]), tonumber(ARGV[6])
  if state[2] then
    local climbed = math.floor(math.max(now - state[3], 0) * limit / ARGV[5])
    limit = math.min(limit, state[2] + climbed)
  end
  local since = now - tonumber(state[4] or 0)
  if state[4] and since >= 0 and since < window then
    limit = math.max(math.floor(limit * (window + 9 * since) / (10 * window)), 1)
  end
  local count = redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', now - 60000000), '+inf')
  if ARGV[3] == '1' and count < math.floor(limit * 9 / 10) then
    -- We had calls left, so somebody else uses the key.
    lowered = math.max(math.floor(limit * 7 / 10), math.floor(ARGV[4] / 10), 1)
    redis.call('HSET', KEYS[2], 'ceiling', lowered, 'ceiling_at', string.format('%.0f', ends))
  end
  if count > limit then
    -- Interactive calls went beyond a lowered limit, and evidently too far.
    count = math.floor(count * 9 / 10)
  end
  -- The post-pause ceiling.
  redis.call('HSET', KEYS[2], 'level', count)
end
local stamp = string.format('%.0f', ends)
redis.call('HSET', KEYS[2], 'paused_until', stamp, 'pause_reason', ARGV[2], 'ramp_from', stamp)
return {1, lowered}
