-- Take an update job: one worker per job, one job per product.
--
-- Why the order is decided here and not by the queue: messages come back late, twice or from another
-- lane, so whichever message arrives says nothing of whose turn it is. Three cases made it so:
--   * A job that failed and waits for its next attempt is passed by later ones. It could wait for minutes,
--     and fields that a later job sets meanwhile are dropped from it when it comes (see wrote:<field>).
--   * A job that was sent and not answered is not passed: until a look-up has decided, a later update
--     could be overwritten by the vendor executing the earlier one.
--   * A job whose message is in the other lane is passed, or an interactive job would wait for the
--     backlog of bulk.
-- Without the parking, a job that has to wait would poll for its product through its queue.
--
-- KEYS[1]  the job's record (hash)      KEYS[2]  the job's outcome (string)
-- KEYS[3]  waiting, interactive         KEYS[4]  waiting, bulk   (sorted sets: job id by time, ms)
-- KEYS[5]  delayed                      KEYS[6]  running         (sorted sets: job id by due time, ms)
-- KEYS[7]  the product (hash: holder, "wrote:<field>" = "<sequence>:<job id>", and written = when the
--          latest of those was settled, ms)
-- KEYS[8]  the jobs parked for the product (sorted set: job id by sequence)
-- KEYS[9]  the product's line: its jobs that have not ended (sorted set: job id by sequence)
-- KEYS[10] prefix of the account's job records
-- ARGV[1]  job id
-- ARGV[2]  token of the new lease
-- ARGV[3]  length of the lease (ms)
-- ARGV[4]  when a parked job is tried again, though nobody woke it (ms from now)
-- ARGV[5]  fingerprint of the payload at hand
-- ARGV[6]  the worker's own clock (ms)
--
-- Returns {status, detail...}:
--   {"unknown"}                          no such job was accepted
--   {"conflict"}                         the key belongs to another payload
--   {"ended", outcome or "", how, at_ms} it has its outcome
--   {"leased"}                           another worker has it, or its time has not come
--   {"parked"}                           another job has the product, or comes before
--   {"claimed", attempt, sequence, sent or "", crashes, look-ups, spent_ms, deferred_ms, since_ms or "",
--     product's fields and values...}
--     crashes: how many workers in a row have taken the job and never concluded anything
--     look-ups: how many have taken it to find out what became of what was sent
--     spent_ms: how long it has been attempted and backed off, without any wait for queue, lane or product
--     deferred_ms: how long it has been deferred, and nothing else, up to now
--     since_ms: since when the vendor cannot be executing any more what was sent
-- Durations, not times, so that no worker's own clock comes into it.
--
-- Only when a look-up is about to be allowed are the workers' clocks asked as well. Redis's clock may have
-- been set ahead while the vendor was executing, or a replica with another clock may have taken over: then
-- everything seems to be long over, the look-up finds nothing, and the update would be sent twice. So whoever
-- starts the quiet time also notes its end by the own clock, and both clocks must have passed it. Workers'
-- clocks may differ, too; they add the length of the quiet time at most, and once.

local names = {'ended', 'at', 'until', 'sequence', 'sent', 'fingerprint',
  'quiet', 'lane', 'deferred_for', 'spent', 'executed_by', 'quiet_own', 'quiet_for'}
local values = redis.call('HMGET', KEYS[1], unpack(names))
local job = {}
for index, name in ipairs(names) do
  job[name] = values[index]
end
if not job.sequence and not job.ended then
  return {'unknown'}
end
if job.fingerprint ~= ARGV[5] then
  return {'conflict'}
end
if job.ended then
  return {'ended', redis.call('GET', KEYS[2]) or '', job.ended, job.at}
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if job['until'] and tonumber(job['until']) > now then
  return {'leased'}
end
local due = redis.call('ZSCORE', KEYS[5], ARGV[1])
if due and tonumber(due) > now and not redis.call('ZSCORE', KEYS[8], ARGV[1]) then
  return {'leased'}
end

if job.sent and job.quiet and tonumber(job.quiet) <= now and job.quiet_own and job.quiet_for then
  local left = math.min(job.quiet_own - ARGV[6], tonumber(job.quiet_for))
  if left > 0 then
    redis.call('HINCRBY', KEYS[1], 'executed_by', now + left - job.quiet)
    job.quiet = now + left
    redis.call('HSET', KEYS[1], 'quiet', job.quiet)
    redis.call('HDEL', KEYS[1], 'quiet_own', 'quiet_for')
  end
end
if job.sent and job.quiet and tonumber(job.quiet) > now then
  -- The vendor may still be executing what was sent: a look-up would prove nothing yet.
  redis.call('ZREM', KEYS[3], ARGV[1])
  redis.call('ZREM', KEYS[4], ARGV[1])
  redis.call('ZREM', KEYS[6], ARGV[1])
  redis.call('ZADD', KEYS[5], job.quiet, ARGV[1])
  return {'leased'}
end

local function park()
  redis.call('HDEL', KEYS[1], 'token', 'until')
  redis.call('ZREM', KEYS[3], ARGV[1])
  redis.call('ZREM', KEYS[4], ARGV[1])
  redis.call('ZREM', KEYS[6], ARGV[1])
  redis.call('ZADD', KEYS[5], now + ARGV[4], ARGV[1])
  redis.call('ZADD', KEYS[8], job.sequence, ARGV[1])
  return {'parked'}
end

-- Earlier submissions go first, unless they back off after a failure or wait in the other lane. A job that
-- was sent is not held up by them: nothing of the product can go on before its outcome is known.
local lane = job.lane == 'bulk' and KEYS[4] or KEYS[3]
local before = {}
if not job.sent then
  before = redis.call('ZRANGEBYSCORE', KEYS[9], '-inf', '(' .. job.sequence)
end
for _, earlier in ipairs(before) do
  if redis.call('HEXISTS', KEYS[10] .. earlier, 'sequence') == 0 then
    redis.call('ZREM', KEYS[9], earlier)
  elseif redis.call('ZSCORE', lane, earlier) or redis.call('ZSCORE', KEYS[6], earlier)
    or redis.call('ZSCORE', KEYS[8], earlier) then
    return park()
  end
end

local holder = redis.call('HGET', KEYS[7], 'holder')
if holder and holder ~= ARGV[1] then
  local held = redis.call('HMGET', KEYS[10] .. holder, 'until', 'sent', 'ended', 'sequence')
  local running = held[1] and tonumber(held[1]) > now
  local undecided = held[2] and not held[3]
  if held[4] and not held[3] and (running or undecided) then
    return park()
  end
end

local attempt = redis.call('HINCRBY', KEYS[1], 'attempts', 1)
local crashes = redis.call('HINCRBY', KEYS[1], 'claims', 1) - 1
redis.call('HSET', KEYS[1], 'token', ARGV[2], 'until', now + ARGV[3], 'taken', now)
local lookups, since = 0, ''
if job.sent then
  lookups = redis.call('HINCRBY', KEYS[1], 'lookups', 1) - 1
  if not job.executed_by then
    -- Sent by an earlier release, which did not record it.
    job.executed_by = now
    redis.call('HSET', KEYS[1], 'executed_by', now)
  end
  since = math.max(now - job.executed_by, 0)
end
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
redis.call('ZREM', KEYS[5], ARGV[1])
redis.call('ZREM', KEYS[8], ARGV[1])
redis.call('ZADD', KEYS[6], now + ARGV[3], ARGV[1])
redis.call('HSET', KEYS[7], 'holder', ARGV[1])
-- An earlier settlement has set its end, but now a job depends on it.
redis.call('PERSIST', KEYS[7])
return {'claimed', attempt, job.sequence, job.sent or '', crashes, lookups, job.spent or 0,
  job.deferred_for or 0, since, unpack(redis.call('HGETALL', KEYS[7]))}
