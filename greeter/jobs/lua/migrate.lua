#!lua flags=allow-oom
-- Take over a job that a web or a worker of version 0.2.0 has put into its queue. Both may still be running.
--
-- ARGV: 1 job id
-- Returns: nil
redis.call('ZREM', 'jobs:waiting', job_id)
if phase() == 'waiting' and not redis.call('ZSCORE', 'queue:' .. my_queue(), job_id) then
  join_queue(get('client') or '')
end
