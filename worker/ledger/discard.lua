-- Delete a dead letter. Loaded after letters.lua.
--
-- KEYS[1]  dead letters (sorted set); see settle.lua for KEYS[1]_kinds and KEYS[1]_by:<how>
-- KEYS[2]  the job's dead letter (hash)
-- ARGV[1]  job id
--
-- Returns 1, or 0 if there was none.

return forget_letter(KEYS[1], KEYS[2], ARGV[1])
