-- Count jobs and workers. Fails when Redis refuses writes, so that a health check notices.
--
-- ARGV: 1 '', 2 seconds after which a worker without a heartbeat is not counted
-- Returns: for each queue its name, the number of waiting jobs, of running jobs, and of workers, and the age of the
--   oldest waiting job in seconds; why workers cannot run jobs; names and signatures of tools available only on paused
--   workers; the bounds of the durations, in seconds; and the counts of ended jobs: name, number, ...
local _, worker_timeout = unpack(ARGV)

redis.call('SET', 'write_check', now)
local unfit, heartbeats = {}, redis.call('HVALS', UNFIT)
for _, text in ipairs(heartbeats) do
  local time_of_last, reason = string.match(text, '(%S+) (.*)')
  if not is_older(time_of_last, worker_timeout) then unfit[#unfit + 1] = reason end
end
local running = {}
for _, job in ipairs(redis.call('ZRANGE', RUNNING, 0, -1)) do
  local queue = redis.call('HGET', 'job:' .. job, 'queue') or DEFAULT_QUEUE
  running[queue] = (running[queue] or 0) + 1
end
local queues = {}
for i, queue in ipairs(redis.call('SMEMBERS', QUEUES)) do
  local workers = redis.call('ZCOUNT', 'workers:' .. queue, now - worker_timeout, now + CLOCK_TOLERANCE)
  local oldest = redis.call('ZRANGE', 'waiting:' .. queue, 0, 0, 'WITHSCORES')[2] or now
  local waiting = redis.call('ZCARD', 'queue:' .. queue)
  queues[i] = {queue, waiting, running[queue] or 0, workers, math.max(math.floor(now - oldest), 0)}
end
local idle = {}
for _, tool in ipairs(redis.call('ZRANGEBYSCORE', TOOLS, now - worker_timeout, now + CLOCK_TOLERANCE)) do
  local served_at = redis.call('ZSCORE', SERVED_TOOLS, tool)  -- nil if all workers have version 0.3.0
  if served_at and is_older(served_at, worker_timeout) then idle[#idle + 1] = tool end
end
return {queues, unfit, idle, DURATION_BOUNDS, redis.call('HGETALL', STATISTICS)}
