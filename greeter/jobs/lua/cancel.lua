#!lua flags=allow-oom
-- Cancel a job.
--
-- ARGV: 1 job id, 2 seconds without a heartbeat after which a running job is ended at once
-- Returns: 'cancelled' if the job has ended now, or if it was cancelled before it started, so that its inputs are
--   removed even if the first reply was lost; 'requested' if it is running, and its next heartbeat will return
--   'cancel'; 'ended' if it had ended before; or nil for an unknown job
local _, silence_limit = unpack(ARGV)

-- Gives the turn of a waiting job to the next one of the same client, and so on. A client has at most MAX_ACTIVE jobs.
local function pass_turn_on()
  local queue, client = my_queue(), get('client')
  local score = redis.call('ZSCORE', 'queue:' .. queue, job_id)
  if not client or not score or get('score') then return end  -- get('score'): it had its turn, and waits again
  for _, job in ipairs(redis.call('SMEMBERS', 'client:' .. client)) do
    local later = redis.call('ZSCORE', 'queue:' .. queue, job)
    if later and tonumber(later) > tonumber(score) then redis.call('ZINCRBY', 'queue:' .. queue, -1, job) end
  end
  redis.call('ZADD', 'clients:' .. queue, 'XX', 'INCR', -1, client)
end

local was = phase()
if was == 'waiting' then pass_turn_on() end
if was == 'waiting' or (was == 'running' and is_older(last_heartbeat(), silence_limit)) then
  finish('REVOKED')
  return 'cancelled'
end
if was == 'running' then
  redis.call('HSETNX', key, 'cancel_requested', now)
  return 'requested'
end
if get('state') == 'REVOKED' and not get('started') then return 'cancelled' end
return was
