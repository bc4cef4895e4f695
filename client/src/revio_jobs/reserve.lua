-- Accept jobs: reserve the idempotency key of each and put its message into the lane's queue, or say
-- what has become of the key.
--
-- One script does all of it, because each pair of steps would lose something if a producer died
-- between them. Key without message: the job is accepted and never runs. Message without key: a repeat
-- of the submission runs it twice. Number and message apart: two producers can number their jobs in one
-- order and queue them in the other, and the worker, which runs a product's jobs by number, would make
-- the later one wait for a message that is behind it. Publishing through Celery and reserving in a
-- separate transaction was tried; it left the first two gaps. The record holds the payload, so that the
-- sweep can make the message again if the broker loses it. The worker accepts raw messages with the same
-- script and an empty message, so both sides agree on what a key conflict is; a second implementation of
-- these rules would drift apart. Whoever changes the order here: the fingerprint is compared before
-- anything is written, else a conflicting repeat would number or queue a job that nobody may run.
--
-- KEYS[1]  the account's submission counter
-- KEYS[2]  the lane's waiting jobs (sorted set: job id by the time it was published, ms)
-- KEYS[3]  the lane's queue (list)
-- and for each job
--   its record (hash)
--   its outcome (string, lives as long as results do)
--   its product's line: the product's jobs that have not ended (sorted set: job id by sequence)
-- ARGV[1]  lane
-- ARGV[2]  the jobs, in the order of their keys (JSON list of lists); of each
--   its id
--   fingerprint of the payload
--   payload (JSON kwargs)
--   the message for the queue; "" when a worker holds it already
--   its place in the order of submissions, if it has one already; else ""
--   the raw message by which it came, to be delivered again as it was; else ""
--
-- Returns for each job 1 if it was accepted, else {status, detail...}:
--   {"attached"}                 the same job is on its way
--   {"settled", outcome}         it has ended; outcome is JSON
--   {"expired", how, at_ms}      it has ended so long ago that only this is remembered
--   {"conflict"}                 the key belongs to another payload

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local function known(record, outcome_key, fingerprint)
  if record[1] ~= fingerprint then
    return {'conflict'}
  end
  if not record[2] then
    return {'attached'}
  end
  local outcome = redis.call('GET', outcome_key)
  if outcome then
    return {'settled', outcome}
  end
  return {'expired', record[2], record[3]}
end

local function accept(key, line, id, fingerprint, payload, message, place, original)
  local sequence = redis.call('INCR', KEYS[1])
  if place ~= '' then
    sequence = place
  end
  redis.call('HSET', key, 'fingerprint', fingerprint, 'payload', payload, 'lane', ARGV[1],
    'sequence', sequence, 'attempts', 0, 'accepted', now_ms)
  if original ~= '' then
    redis.call('HSET', key, 'message', original)
  end
  redis.call('ZADD', KEYS[2], now_ms, id)
  redis.call('ZADD', line, sequence, id)
  if message ~= '' then
    redis.call('LPUSH', KEYS[3], message)
  end
  return 1
end

local answers = {}
for number, job in ipairs(cjson.decode(ARGV[2])) do
  local key, outcome_key, line = unpack(KEYS, 3 * number + 1, 3 * number + 3)
  local id, fingerprint, payload, message, place, original = unpack(job)
  local record = redis.call('HMGET', key, 'fingerprint', 'ended', 'at')
  answers[number] = record[1] and known(record, outcome_key, fingerprint)
    or accept(key, line, id, fingerprint, payload, message, place, original)
end
return answers
