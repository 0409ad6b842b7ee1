#!lua flags=allow-oom
-- Delete the record of a job that has ended.
--
-- ARGV: 1 job id
-- Returns: nil
if has_ended() then
  count_bytes(-(get('bytes') or 0))
  for _, name in ipairs(names_of(get('databases') or nil)) do redis.call('SREM', 'named:' .. name, job_id) end
  redis.call('DEL', key, 'mail:' .. job_id, 'token:' .. (get('token') or ''))
end
redis.call('ZREM', ENDED, job_id)
redis.call('ZREM', MAILS, job_id)
