#!lua flags=allow-oom
-- Record the heartbeat of a running job.
--
-- ARGV: 1 job id, 2 worker, 3 process
-- Returns: 'continue', 'cancel' if the job was cancelled, or 'abandon' if this runner has lost it
local _, worker, process = unpack(ARGV)

if not is_run_by(worker, process) then return 'abandon' end
redis.call('ZADD', RUNNING, now, job_id)
return get('cancel_requested') and 'cancel' or 'continue'
