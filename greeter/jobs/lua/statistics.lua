-- Count jobs and workers. Fails when Redis refuses writes, so that a health check notices.
--
-- ARGV: 1 '', 2 seconds after which a worker without a heartbeat is not counted
-- Returns: the number of waiting jobs, of running jobs, and of workers; why workers cannot run jobs; the bounds of the
--   durations, in seconds; and what was counted of ended jobs: name, number, name, number, ...
local _, worker_timeout = unpack(ARGV)

redis.call('SET', 'write_check', now)
local workers = redis.call('ZCOUNT', WORKERS, now - worker_timeout, now + CLOCK_TOLERANCE)
local unfit, heartbeats = {}, redis.call('HVALS', UNFIT)
for _, text in ipairs(heartbeats) do
  local time_of_last, reason = string.match(text, '(%S+) (.*)')
  if not is_older(time_of_last, worker_timeout) then unfit[#unfit + 1] = reason end
end
local waiting, running = redis.call('ZCARD', WAITING), redis.call('ZCARD', RUNNING)
return {waiting, running, workers, unfit, DURATION_BOUNDS, redis.call('HGETALL', STATISTICS)}
