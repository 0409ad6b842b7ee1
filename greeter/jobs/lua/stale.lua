#!lua flags=allow-oom
-- List the running jobs without a recent heartbeat.
--
-- ARGV: 1 '', 2 seconds
-- Returns: job id, worker, job id, worker, ...
local _, silence_limit = unpack(ARGV)

local stale = {}
for _, running in ipairs(redis.call('ZRANGE', RUNNING, 0, -1)) do
  local worker, heartbeat_at = unpack(redis.call('HMGET', 'job:' .. running, 'worker', 'heartbeat_at'))
  if is_older(heartbeat_at, silence_limit) then
    stale[#stale + 1] = running
    stale[#stale + 1] = worker or ''
  end
end
return stale
