#!lua flags=allow-oom
-- Cancel a job.
--
-- ARGV: 1 job id, 2 seconds without a heartbeat after which a running job is ended at once
-- Returns: 'cancelled' if the job has ended now, or if it was cancelled before it started, so that its inputs are
--   removed even if the first reply was lost; 'requested' if it is running, and its next heartbeat will return
--   'cancel'; 'ended' if it had ended before; or nil for an unknown job
local _, silence_limit = unpack(ARGV)

if is_waiting() or is_running() and is_older(last_heartbeat(), silence_limit) then
  finish('REVOKED')
  return 'cancelled'
end
if is_running() then
  redis.call('HSETNX', key, 'cancel_requested', now)
  return 'requested'
end
if get('state') == 'REVOKED' and not get('started') then return 'cancelled' end
return has_ended() and 'ended'
