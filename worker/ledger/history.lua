-- For scripts that end an update: note it in the account's history.
--
-- stream, counter   the history of ended updates, kept for `kept_s`, and how many it has had
-- source            the hash that has what is known of the job: its record or its dead letter

local function note_in_history(stream, counter, kept_s, source, job, how, outcome, now)
  local names = {'payload', 'lane', 'sequence', 'accepted', 'attempts', 'history'}
  local entry = {'number', redis.call('INCR', counter), 'job', job, 'how', how,
    'outcome', outcome, 'at', now}
  for index, value in ipairs(redis.call('HMGET', source, unpack(names))) do
    if value then
      entry[#entry + 1] = names[index]
      entry[#entry + 1] = value
    end
  end
  redis.call('XADD', stream, 'MINID', '~', now - kept_s * 1000, '*', unpack(entry))
end
