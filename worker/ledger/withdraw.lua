-- Take a job that no worker has begun, so that it can be ended.
--
-- KEYS[1]     the job's record (hash)
-- KEYS[2]     running (sorted set: job id by the end of its lease, ms)
-- KEYS[3...]  the other places where a job can be (sorted sets)
-- ARGV[1]     job id
-- ARGV[2]     token of the new lease
-- ARGV[3]     length of the lease (ms)
--
-- Returns {"taken", the product's id}, {"kept"} if it has ended, a worker has it or it was sent, or
-- {"unknown"} if no such job was accepted.

local sequence, ended, sent, leased, payload = unpack(
  redis.call('HMGET', KEYS[1], 'sequence', 'ended', 'sent', 'until', 'payload'))
if not sequence and not ended then
  return {'unknown'}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ended or sent or (leased and tonumber(leased) > now) then
  return {'kept'}
end
redis.call('HSET', KEYS[1], 'token', ARGV[2], 'until', now + ARGV[3])
for index = 3, #KEYS do
  redis.call('ZREM', KEYS[index], ARGV[1])
end
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
return {'taken', tostring(cjson.decode(payload).id)}
