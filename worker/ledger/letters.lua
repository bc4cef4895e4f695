-- For scripts that take a dead letter away.
--
-- letters   dead letters (sorted set); see settle.lua for letters_kinds and letters_by:<how>
-- letter    the job's dead letter (hash)
--
-- Returns 1, or 0 if there was none.

local function forget_letter(letters, letter, job)
  for _, kind in ipairs(redis.call('HKEYS', letters .. '_kinds')) do
    redis.call('ZREM', letters .. '_by:' .. kind, job)
  end
  redis.call('DEL', letter)
  return redis.call('ZREM', letters, job)
end
