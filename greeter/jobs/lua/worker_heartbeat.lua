#!lua flags=allow-oom
-- Record the heartbeat of a worker, and of the jobs that it runs.
--
-- ARGV: 1 '', 2 worker, 3 seconds that a job has to end after it was cancelled, 4... ids of the jobs
-- Returns: the ids of the jobs that this worker runs and that were cancelled longer ago
local _, worker, cancel_timeout = unpack(ARGV)

redis.call('ZADD', WORKERS, now, worker)
redis.call('ZREMRANGEBYSCORE', WORKERS, '-inf', now - 86400)
local overdue = {}
for i = 4, #ARGV do
  local job = 'job:' .. ARGV[i]
  local run_by, cancel_requested = unpack(redis.call('HMGET', job, 'worker', 'cancel_requested'))
  if run_by == worker then
    redis.call('HSET', job, 'heartbeat_at', now)
    if cancel_requested and tonumber(cancel_requested) < now - cancel_timeout then
      overdue[#overdue + 1] = ARGV[i]
    end
  end
end
return overdue
