#!lua flags=allow-oom
-- List the running jobs without a recent heartbeat.
--
-- ARGV: 1 '', 2 seconds
-- Returns: job id, worker, job id, worker, ...
local _, silence_limit = unpack(ARGV)

local stale = {}
for _, range in ipairs({{'-inf', now - silence_limit}, {now + CLOCK_TOLERANCE, '+inf'}}) do
  for _, running in ipairs(redis.call('ZRANGEBYSCORE', RUNNING, unpack(range))) do
    local worker, heartbeat_at = unpack(redis.call('HMGET', 'job:' .. running, 'worker', 'heartbeat_at'))
    local is_of_old_version = heartbeat_at ~= NOT_HERE  -- claimed by a worker of version 0.2.0
    if is_of_old_version then redis.call('ZADD', RUNNING, heartbeat_at, running) end
    if not is_of_old_version or is_older(heartbeat_at, silence_limit) then
      stale[#stale + 1] = running
      stale[#stale + 1] = worker or ''
    end
  end
end
return stale
