-- Admit one vendor call under all bounds at once, or name the bound that refuses and the wait.
--
-- KEYS[1]  minute: list of the latest admissions, newest first, "<microseconds>:<token>"
-- KEYS[2]  pause: hash until (microseconds), reason
-- KEYS[3]  prefix of the day's hashes; the day's start (Unix seconds) is appended. Fields: calls,
--          and one counter a purpose
-- ARGV[1]  token of the permit
-- ARGV[2]  purpose
-- ARGV[3]  calls that the minute may hold at all (the length that the list is kept at)
-- ARGV[4]  calls of the minute for this lane
-- ARGV[5]  length of the minute (microseconds)
-- ARGV[6]  calls of the day for this lane
-- ARGV[7]  the last reset of the day's count, ARGV[8] the next, ARGV[9] the one after (Unix seconds)
--
-- Returns {1} when admitted, else {0, bound, wait in microseconds}; {-1, now} when the resets given
-- do not surround Redis's clock.

local time = redis.call('TIME')
local seconds = tonumber(time[1])
local now = seconds * 1000000 + tonumber(time[2])

local day_start, day_end
if seconds >= tonumber(ARGV[7]) and seconds < tonumber(ARGV[8]) then
  day_start, day_end = ARGV[7], ARGV[8]
elseif seconds >= tonumber(ARGV[8]) and seconds < tonumber(ARGV[9]) then
  day_start, day_end = ARGV[8], ARGV[9]
else
  return {-1, time[1]}
end

local pause_ends = tonumber(redis.call('HGET', KEYS[2], 'until') or 0)
if pause_ends > now then
  return {0, 'pause', pause_ends - now}
end

local day = KEYS[3] .. day_start
if tonumber(redis.call('HGET', day, 'calls') or 0) >= tonumber(ARGV[6]) then
  return {0, 'day', tonumber(day_end) * 1000000 - now}
end

local kept, allowed, window = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
if allowed < 1 then
  return {0, 'minute', window}
end
-- The call would be the allowed-th of a window that began with this admission.
local first = redis.call('LINDEX', KEYS[1], allowed - 1)
if first then
  local free_at = tonumber(string.match(first, '^%d+')) + window
  if free_at > now then
    return {0, 'minute', free_at - now}
  end
end

redis.call('LPUSH', KEYS[1], string.format('%.0f:%s', now, ARGV[1]))
redis.call('LTRIM', KEYS[1], 0, kept - 1)
redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
redis.call('HINCRBY', day, 'calls', 1)
redis.call('HINCRBY', day, ARGV[2], 1)
redis.call('EXPIREAT', day, tonumber(day_end) + 86400)
return {1, string.format('%.0f', now), day_start}
