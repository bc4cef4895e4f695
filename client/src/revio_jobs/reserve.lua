-- Accept a job: reserve its idempotency key and put its message into the lane's queue, or say what
-- has become of the key.
--
-- KEYS[1]  the job's record (hash)
-- KEYS[2]  the job's outcome (string, lives as long as results do)
-- KEYS[3]  the account's submission counter
-- KEYS[4]  the lane's waiting jobs (sorted set: job id by the time it was published, ms)
-- KEYS[5]  the lane's queue (list)
-- KEYS[6]  the product's line: its jobs that have not ended (sorted set: job id by sequence)
-- ARGV[1]  job id
-- ARGV[2]  fingerprint of the payload
-- ARGV[3]  payload (JSON kwargs)
-- ARGV[4]  lane
-- ARGV[5]  the message for the queue; "" when a worker holds it already
-- ARGV[6]  its place in the order of submissions, if it takes that of a job that failed; else ""
--
-- Returns {status, detail...}:
--   {"new", sequence}            accepted
--   {"attached"}                 the same job is on its way
--   {"settled", outcome}         it has ended; outcome is JSON
--   {"expired", how, at_ms}      it has ended so long ago that only this is remembered
--   {"conflict"}                 the key belongs to another payload

local record = redis.call('HMGET', KEYS[1], 'fingerprint', 'ended', 'at')
if record[1] then
  if record[1] ~= ARGV[2] then
    return {'conflict'}
  end
  if not record[2] then
    return {'attached'}
  end
  local outcome = redis.call('GET', KEYS[2])
  if outcome then
    return {'settled', outcome}
  end
  return {'expired', record[2], record[3]}
end

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local sequence = redis.call('INCR', KEYS[3])
if ARGV[6] ~= '' then
  sequence = ARGV[6]
end
redis.call('HSET', KEYS[1], 'fingerprint', ARGV[2], 'payload', ARGV[3], 'lane', ARGV[4],
  'sequence', sequence, 'attempts', 0, 'accepted', now_ms)
redis.call('ZADD', KEYS[4], now_ms, ARGV[1])
redis.call('ZADD', KEYS[6], sequence, ARGV[1])
if ARGV[5] ~= '' then
  redis.call('LPUSH', KEYS[5], ARGV[5])
end
return {'new', sequence}
