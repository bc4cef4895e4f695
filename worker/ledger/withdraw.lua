-- Take a job that no worker has begun, so that it can be ended.
--
-- KEYS[1]     the job's record (hash)
-- KEYS[2]     running (sorted set: job id by the end of its lease, ms)
-- KEYS[3]     prefix of the sets of jobs that are parked for a product (sorted sets: job id by sequence)
-- KEYS[4]     delayed (sorted set)
-- KEYS[5...]  the other places where a job can be (sorted sets)
-- ARGV[1]     job id
-- ARGV[2]     token of the new lease
-- ARGV[3]     length of the lease (ms)
--
-- Returns {"taken", the product's id, lane, raw message or ""}, {"kept"} if it has ended, a worker has it or
-- it was sent, or {"unknown"} if no such job was accepted. The raw message is that of a parked job alone: it
-- was acknowledged, and whoever waits for what Celery does at its end waits for a message.

local sequence, ended, sent, leased, payload, lane, raw = unpack(
  redis.call('HMGET', KEYS[1], 'sequence', 'ended', 'sent', 'until', 'payload', 'lane', 'message'))
if not sequence and not ended then
  return {'unknown'}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ended or sent or (leased and tonumber(leased) > now) then
  return {'kept'}
end
local product = string.format('%.0f', cjson.decode(payload).id)
local is_parked = redis.call('ZSCORE', KEYS[3] .. product, ARGV[1]) and redis.call('ZSCORE', KEYS[4], ARGV[1])
redis.call('HSET', KEYS[1], 'token', ARGV[2], 'until', now + ARGV[3])
for index = 4, #KEYS do
  redis.call('ZREM', KEYS[index], ARGV[1])
end
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
return {'taken', product, lane, is_parked and raw or ''}
