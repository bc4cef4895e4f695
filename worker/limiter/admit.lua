-- Admit one vendor call under all bounds at once, or name the bound that refuses it and the wait.
-- Times are in microseconds. memory_account.py makes the same decisions and is easier to read.
--
-- Slots: a call that must wait is refused with a time, and that time is reserved for it; the next one
-- is refused with a time one interval later, and so on. So each waiting call asks twice, then and when
-- its slot has come, however many wait. The first design had callers poll, and asked Redis 28 times per
-- call under load. What makes it subtle:
--   * A slot that comes too early (a call arrived at the vendor later than expected, or the limit was
--     lowered) is not given back into the same row, or its holder would overtake or be overtaken at
--     each step; those callers queue in a second row, next_slot.
--   * A worker that dies leaves its slot unused. When bulk has a whole step of its pace to spare, the
--     last slot is taken to be unused and is ignored; without that each death would cost a step for good.
--   * A slot is only a time, and never a right: at that time the call is checked against every bound
--     again. If slots granted calls, a pause or a lowered limit would come too late for them.
--   * Bulk yields to interactive_slot. Without it the place that an interactive call waits for would go
--     to whichever bulk call asks at that instant.
--

-- KEYS[1]  arrivals: sorted set of the latest calls, "<time of the permit>:<token>", by the latest time
--          at which each can have reached the vendor: the margin after its permit, or when its answer
--          came. It holds as many as the limit and never expires, since Redis's clock may be set ahead
-- KEYS[2]  state: hash of the fields listed below as `stored`, and pause_reason; closed_reason, closed_at
--          (Unix microseconds) and probing while the account is closed, see close.lua
-- KEYS[3]  record: stream of all charges
-- KEYS[4]  prefix of the day's hashes (calls, one counter per purpose, one per source and how many of these
--          there are), to which the day's start in Unix seconds is appended
-- KEYS[5]  clock: hash of offset and asked_at. The time that counts is Redis's plus the offset, which
--          makes up for changes of Redis's clock (see clock.lua); days are cut by Redis's own clock
-- ARGV     see names below; the resets are Unix seconds. Then, per call that was answered since this
--          process last asked: its name in arrivals, and its latest possible arrival
--
-- Returns {1, time, the day's start, 1 if the answer must be reported even if it is healthy} when
-- admitted, {0, time, bound, wait, reason of a closed account or ""} when not, and {-1, Redis's own time}
-- when the resets given or `not_after` do not fit the clock.

local names = {'token', 'purpose', 'lane', 'job', 'limit', 'window', 'headroom', 'min_reserve',
  'day_limit', 'burst', 'spread', 'recovery', 'breaker_faults', 'breaker_probe_interval', 'account_probe_interval', 'last_reset',
  'next_reset', 'reset_after', 'in_slot', 'patience', 'not_after', 'record_for',
  'source', 'most_sources'}
local arg = {}
for index, name in ipairs(names) do
  arg[name] = tonumber(ARGV[index]) or ARGV[index]
end
arg.token, arg.job, arg.source = ARGV[1], ARGV[4], ARGV[23]
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
  day_start, day_end = ARGV[16], arg.next_reset
elseif wall >= arg.next_reset * 1000000 and wall < arg.reset_after * 1000000 then
  day_start, day_end = ARGV[17], arg.reset_after
else
  return {-1, text(wall)}
end
local until_reset = day_end * 1000000 - wall
redis.call('HSET', KEYS[5], 'asked_at', text(now))

-- What each field means, and its name in Redis, which is older than some of these words.
local fields = {'paused_until', 'ramp_from', 'ceiling', 'ceiling_at', 'next_at', 'delayed_interactive',
  'delayed_at', 'slot', 'next_slot', 'interactive_slot', 'faults', 'breaker_open_until',
  'closed_until', 'post_pause_ceiling', 'transit_time'}
local stored = {'paused_until', 'ramp_from', 'ceiling', 'ceiling_at', 'next_at', 'missed',
  'missed_at', 'turn:' .. arg.lane, 'next_turn:' .. arg.lane, 'interactive_turn', 'faults', 'rests_until',
  'closed_until', 'level', 'way'}
local values = redis.call('HMGET', KEYS[2], unpack(stored))
local state, stored_as = {}, {}
for index, name in ipairs(fields) do
  state[name], stored_as[name] = tonumber(values[index] or 0), stored[index]
end

local function set(name, value)
  redis.call('HSET', KEYS[2], stored_as[name], text(value))
end

-- When the oldest of the latest `calls` calls leaves the minute; 0 if there are fewer.
local function free_at(calls)
  local oldest = redis.call('ZREVRANGE', KEYS[1], calls - 1, calls - 1, 'WITHSCORES')
  return oldest[2] and oldest[2] + minute or 0
end

local function refuse(bound, at)
  return {0, text(now), bound, text(at - now)}
end

local transit_time = tonumber(values[#fields] or margin)
for index = #names + 1, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], 'XX', 'LT', ARGV[index + 1], ARGV[index])
  local took = ARGV[index + 1] - string.match(ARGV[index], '^%d+')
  transit_time = transit_time + math.floor((took - transit_time) / 16)
  set('transit_time', transit_time)
end
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. text(now + margin), '+inf')) do
  -- Admitted while the clock was ahead, before anybody could notice: count it as admitted now.
  redis.call('ZADD', KEYS[1], text(now + margin), entry)
end
if state.paused_until > now then
  return refuse('pause', state.paused_until)
end
local account_is_closed = state.closed_until > 0
if state.closed_until > now then
  local refusal = refuse('account', state.closed_until)
  refusal[5] = redis.call('HGET', KEYS[2], 'closed_reason') or ''
  return refusal
end
local breaker_is_open = arg.breaker_faults > 0 and state.faults >= arg.breaker_faults
if breaker_is_open and state.breaker_open_until > now then
  return refuse('breaker', state.breaker_open_until)
end
if until_reset <= margin then
  -- It might arrive, and be counted, after the next day has begun.
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
local bulk, in_slot = arg.lane == 'bulk', arg.in_slot == 1
local since, post_pause_ceiling = now - state.ramp_from, 0
if state.ramp_from > 0 and since >= 0 and since < arg.window then
  limit = math.max(math.floor(limit * (arg.window + 9 * since) / (10 * arg.window)), 1)
  if not bulk then
    -- The minute was full when the vendor paused us: each call that has left it since makes room for one.
    post_pause_ceiling = math.min(state.post_pause_ceiling, arg.limit)
  end
end

local forgotten = math.floor((now - state.delayed_at) / remembered)
local delayed = math.max(state.delayed_interactive - forgotten, 0)
-- Under a lowered limit bulk leaves the same share of it.
local headroom = math.min(arg.headroom, arg.min_reserve + delayed)
local for_bulk = limit - math.floor(headroom * limit / arg.limit)
local allowed = bulk and for_bulk or math.max(limit, post_pause_ceiling)
local exceeds_limit = post_pause_ceiling > limit and free_at(limit) > now
-- From this call to the next of any lane, if all were evenly spaced. Interactive calls beyond a lowered
-- limit are spaced by their own, faster pace, so that they do not push bulk back at the lowered one.
local per_minute = math.max(for_bulk, exceeds_limit and post_pause_ceiling or 1)
local pace = math.ceil((minute + transit_time) / per_minute)
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
  wait_for(free_at(allowed), 'minute')
end
local has_spare_step = false
if bulk then
  local slack = arg.burst * interval
  -- A later time was set while the clock was ahead.
  state.next_at = math.min(state.next_at, now + arg.window + slack + interval)
  if arg.burst < arg.limit then
    wait_for(state.next_at - slack, 'pace')
    has_spare_step = state.next_at - slack + interval <= now
  end
  wait_for(math.min(state.interactive_slot, now + arg.window), 'turn')
end
local slot = state.slot
if in_slot then
  -- Its slot came too early: it queues behind others to whom that happened.
  slot = at > now and state.next_slot or 0
elseif has_spare_step and at == now then
  -- The holder of the last slot has not come for it.
  slot = 0
end
if slot > now and slot <= now + arg.window then
  wait_for(slot + interval, 'turn')
end
if (at > now or exceeds_limit) and not (bulk or in_slot) then
  set('delayed_interactive', math.min(delayed + 1, arg.headroom))
  set('delayed_at', now)
end
if at > now then
  if at - now <= arg.patience then
    if in_slot then
      set('next_slot', at)
    end
    set('slot', in_slot and math.max(state.slot, at) or at)
    if not bulk then
      set('interactive_slot', at + grace)
    end
  end
  return refuse(bound, at)
end

set('next_at', math.max(state.next_at, now) + pace)
local stamp = text(now)
redis.call('ZADD', KEYS[1], text(now + margin), stamp .. ':' .. arg.token)
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -arg.limit - 1)
if account_is_closed then
  -- This call probes whether the vendor takes us again; others wait for another interval.
  set('closed_until', now + arg.account_probe_interval)
  redis.call('HSET', KEYS[2], 'probing', 1)
end
if breaker_is_open then
  -- This call probes the vendor; others wait for another interval.
  set('breaker_open_until', now + arg.breaker_probe_interval)
end
redis.call('HINCRBY', day, 'calls', 1)
redis.call('HINCRBY', day, arg.purpose, 1)
if arg.source ~= '' then
  local counter = 'source:' .. arg.source
  if redis.call('HEXISTS', day, counter) == 0 then
    if tonumber(redis.call('HGET', day, 'sources') or 0) < arg.most_sources then
      redis.call('HINCRBY', day, 'sources', 1)
    else
      counter = 'source:(others)'
    end
  end
  redis.call('HINCRBY', day, counter, 1)
end
redis.call('EXPIREAT', day, day_end + 86400)
local oldest = text(time[1] * 1000 - arg.record_for)
redis.call('XADD', KEYS[3], 'MINID', '~', oldest, '*', 'at', stamp, 'token', arg.token,
  'purpose', arg.purpose, 'lane', arg.lane, 'job', arg.job)
return {1, stamp, day_start, (account_is_closed or state.faults > 0) and 1 or 0}
