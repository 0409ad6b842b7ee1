#!lua flags=allow-oom
-- Move a job of version 0.2.0 into its queue of this version. Web processes and workers of 0.2.0 may still be running.
--
-- ARGV: 1 job id
-- Returns: nil
redis.call('ZREM', 'jobs:waiting', job_id)
if is_waiting() and not redis.call('ZSCORE', 'queue:' .. my_queue(), job_id) then
  join_queue(get('client') or '')
end
