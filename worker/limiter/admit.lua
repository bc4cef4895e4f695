-- Admit one vendor call under all bounds at once, or name the bound that refuses and the wait.
-- Times are in microseconds. memory_account.py decides the same, and reads more easily.
--
-- KEYS[1]  arrivals: sorted set of the latest calls, "<time of the permit>:<token>", by the latest time
--          at which each can have reached the vendor: the margin after its permit, or when its answer
--          came. It holds as many as the limit and never expires, since Redis's clock may be set ahead
-- KEYS[2]  state: hash of paused_until, pause_reason, ramp_from, ceiling, ceiling_at, next_at, missed,
--          missed_at, way, turn:<lane>, next_turn:<lane>, interactive_turn, faults, rests_until, level
-- KEYS[3]  record: stream of all charges
-- KEYS[4]  prefix of the day's hashes (calls, and one counter a purpose); the day's start in Unix
--          seconds is appended
-- KEYS[5]  clock: hash of offset and asked_at. The time that counts is Redis's and the offset, which
--          makes up for each time that Redis's clock was set (see clock.lua); days go by Redis's.
-- ARGV     see names below; the resets are Unix seconds. Then for each call whose answer has come
--          since the asker asked last: its name in arrivals, and when it had arrived at the latest
--
-- Returns {1, time, the day's start, faults in a row} when admitted, {0, time, bound, wait} when not,
-- and {-1, Redis's own time} when the resets given or `not_after` do not fit the clock.

local names = {'token', 'purpose', 'lane', 'job', 'limit', 'window', 'headroom', 'least_headroom',
  'day_limit', 'burst', 'spread', 'recovery', 'breaker_faults', 'breaker_rest', 'last_reset',
  'next_reset', 'reset_after', 'my_turn', 'patience', 'not_after', 'record_for'}
local arg = {}
for index, name in ipairs(names) do
  arg[name] = tonumber(ARGV[index]) or ARGV[index]
end
arg.token, arg.job = ARGV[1], ARGV[4]
local grace = 50000
local minute = 60000000
local margin = arg.window - minute
local remembered = 2 * minute

local function text(number)
  return string.format('%.0f', number)
end

local time = redis.call('TIME')
local wall = time[1] * 1000000 + time[2]
local clock = redis.call('HMGET', KEYS[5], 'offset', 'asked_at')
local now, asked_at = wall + (clock[1] or 0), tonumber(clock[2] or 0)
if now < asked_at then
  -- Redis's clock was set back: go on from where we were.
  redis.call('HSET', KEYS[5], 'offset', text(asked_at - wall))
  now = asked_at
end
if arg.not_after > 0 and now > arg.not_after then
  return {-1, text(wall)}
end
local day_start, day_end
if wall >= arg.last_reset * 1000000 and wall < arg.next_reset * 1000000 then
  day_start, day_end = ARGV[15], arg.next_reset
elseif wall >= arg.next_reset * 1000000 and wall < arg.reset_after * 1000000 then
  day_start, day_end = ARGV[16], arg.reset_after
else
  return {-1, text(wall)}
end
local until_reset = day_end * 1000000 - wall
redis.call('HSET', KEYS[5], 'asked_at', text(now))

local state = {}
local turn_of, next_turn_of = 'turn:' .. arg.lane, 'next_turn:' .. arg.lane
local fields = {'paused_until', 'ramp_from', 'ceiling', 'ceiling_at', 'next_at', 'missed',
  'missed_at', turn_of, next_turn_of, 'interactive_turn', 'faults', 'rests_until', 'level', 'way'}
local values = redis.call('HMGET', KEYS[2], unpack(fields))
for index, name in ipairs(fields) do
  state[name] = tonumber(values[index] or 0)
end

local function set(name, at)
  redis.call('HSET', KEYS[2], name, text(at))
end

-- When the oldest of so many latest calls leaves the minute; 0: there are fewer.
local function leaves(calls)
  local oldest = redis.call('ZREVRANGE', KEYS[1], calls - 1, calls - 1, 'WITHSCORES')
  return oldest[2] and oldest[2] + minute or 0
end

local function refuse(bound, at)
  return {0, text(now), bound, text(at - now)}
end

local way = tonumber(values[#fields] or margin)
for index = #names + 1, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], 'XX', 'LT', ARGV[index + 1], ARGV[index])
  local took = ARGV[index + 1] - string.match(ARGV[index], '^%d+')
  way = way + math.floor((took - way) / 16)
  set('way', way)
end
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. text(now + margin), '+inf')) do
  -- Admitted while the clock was ahead, by one who could not know: as if admitted now.
  redis.call('ZADD', KEYS[1], text(now + margin), entry)
end
if state.paused_until > now then
  return refuse('pause', state.paused_until)
end
local broken = arg.breaker_faults > 0 and state.faults >= arg.breaker_faults
if broken and state.rests_until > now then
  return refuse('breaker', state.rests_until)
end
if until_reset <= margin then
  -- It might arrive when the next day has begun, and be counted there.
  return refuse('day', now + until_reset)
end
local day = KEYS[4] .. day_start
local day_left = arg.day_limit - tonumber(redis.call('HGET', day, 'calls') or 0)
if day_left < 1 then
  return refuse('day', now + until_reset)
end

local limit = arg.limit
if values[3] then
  local climbed = math.floor(math.max(now - state.ceiling_at, 0) * limit / arg.recovery)
  limit = math.min(limit, state.ceiling + climbed)
end
local bulk, my_turn = arg.lane == 'bulk', arg.my_turn == 1
local since, level = now - state.ramp_from, 0
if state.ramp_from > 0 and since >= 0 and since < arg.window then
  limit = math.max(math.floor(limit * (arg.window + 9 * since) / (10 * arg.window)), 1)
  if not bulk then
    -- Each call that the vendor has forgotten since it paused us makes room for an interactive one.
    level = math.min(state.level, arg.limit)
  end
end

local missed = math.max(state.missed - math.floor((now - state.missed_at) / remembered), 0)
-- Of a lowered limit bulk leaves the same share.
local headroom = math.min(arg.headroom, arg.least_headroom + missed)
local for_bulk = limit - math.floor(headroom * limit / arg.limit)
local allowed = bulk and for_bulk or math.max(limit, level)
local is_beyond = level > limit and leaves(limit) > now
-- Between two calls of any lane, when all that bulk may see are evenly spaced; what goes out beyond
-- a lowered limit does not put bulk off at the lowered pace.
local pace = math.ceil((minute + way) / math.max(for_bulk, is_beyond and level or 1))
local interval = math.floor(arg.window / math.max(allowed, 1))
if bulk then
  if arg.spread == 1 then
    pace = math.max(pace, math.floor(until_reset / day_left))
  end
  interval = pace
end

local at, bound = now, 'minute'
local function wait_for(time_, bound_)
  if time_ > at then
    at, bound = time_, bound_
  end
end
if allowed < 1 then
  wait_for(now + arg.window, 'minute')
else
  -- The call would be the allowed-th of a window that began with this admission.
  wait_for(leaves(allowed), 'minute')
end
local is_spare = false
if bulk then
  local slack = arg.burst * interval
  -- What is later than this was set while the clock was ahead.
  state.next_at = math.min(state.next_at, now + arg.window + slack + interval)
  if arg.burst < arg.limit then
    wait_for(state.next_at - slack, 'pace')
    is_spare = state.next_at - slack + interval <= now
  end
  wait_for(math.min(state.interactive_turn, now + arg.window), 'turn')
end
local turn = state[turn_of]
if my_turn then
  -- A turn that came too early: the next ones follow each other, too.
  turn = at > now and state[next_turn_of] or 0
elseif is_spare and at == now then
  -- Somebody has not taken his turn.
  turn = 0
end
if turn > now and turn <= now + arg.window then
  wait_for(turn + interval, 'turn')
end
if (at > now or is_beyond) and not (bulk or my_turn) then
  set('missed', math.min(missed + 1, arg.headroom))
  set('missed_at', now)
end
if at > now then
  if at - now <= arg.patience then
    if my_turn then
      set(next_turn_of, at)
    end
    set(turn_of, my_turn and math.max(state[turn_of], at) or at)
    if not bulk then
      set('interactive_turn', at + grace)
    end
  end
  return refuse(bound, at)
end

set('next_at', math.max(state.next_at, now) + pace)
local told = text(now)
redis.call('ZADD', KEYS[1], text(now + margin), told .. ':' .. arg.token)
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -arg.limit - 1)
if broken then
  set('rests_until', now + arg.breaker_rest)
end
redis.call('HINCRBY', day, 'calls', 1)
redis.call('HINCRBY', day, arg.purpose, 1)
redis.call('EXPIREAT', day, day_end + 86400)
local oldest = text(time[1] * 1000 - arg.record_for)
redis.call('XADD', KEYS[3], 'MINID', '~', oldest, '*', 'at', told, 'token', arg.token,
  'purpose', arg.purpose, 'lane', arg.lane, 'job', arg.job)
return {1, told, day_start, state.faults}
