#!lua flags=allow-oom
-- Make a running job wait again after its process was lost, or end it if it was cancelled or this was its last attempt.
--
-- ARGV: 1 job id, 2 worker, 3 process or '', 4 seconds without a heartbeat that the job must have or '', 5 '1' if
--   the attempt counts, 6 maximum of attempts, 7 maximum of all, 8 result after the last one (JSON)
-- Returns: the new Celery state; nil if the job had a heartbeat, or does not run there
local _, worker, process, silence, counts, most_attempts, most_starts, result = unpack(ARGV)

if not is_run_by(worker, process) then return false end
if silence ~= '' and not is_older(last_heartbeat(), silence) then return false end
if get('cancel_requested') then
  finish('REVOKED')
elseif
  counts == '1' and tonumber(get('attempts')) >= tonumber(most_attempts)
  or tonumber(get('claims') or 0) >= tonumber(most_starts)
then
  finish('FAILURE', 'result', result)
else
  if counts ~= '1' then redis.call('HINCRBY', key, 'attempts', -1) end
  redis.call('HSET', key, 'state', 'PENDING')
  redis.call('HDEL', key, 'worker', 'process', 'started', 'progress', 'heartbeat_at')
  redis.call('ZREM', RUNNING, job_id)
  add_to_queue(get('score') or 0)  -- at its old place, ahead of jobs that have never started
end
return get('state')
