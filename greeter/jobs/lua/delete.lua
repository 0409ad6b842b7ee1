#!lua flags=allow-oom
-- Delete the record of a job that has ended.
--
-- ARGV: 1 job id
-- Returns: nil
if phase() == 'ended' then
  count_bytes(-(get('bytes') or 0))
  redis.call('DEL', key)
end
redis.call('ZREM', ENDED, job_id)
