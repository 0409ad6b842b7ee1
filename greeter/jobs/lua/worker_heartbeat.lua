#!lua flags=allow-oom
-- Record the heartbeat of a worker, of the tools that it has, and of the jobs that it runs.
--
-- ARGV: 1 '', 2 worker, 3 '1' if it takes new jobs, 4 seconds that a job has to end after it was cancelled, 5 number of
--   tools, 6... names of the tools, then ids of the jobs
-- Returns: the ids of the jobs that this worker runs and that were cancelled longer ago
local _, worker, takes_jobs, cancel_timeout, tools = unpack(ARGV)

if takes_jobs == '1' then
  redis.call('ZADD', WORKERS, now, worker)
  for i = 6, 5 + tools do redis.call('ZADD', TOOLS, now, ARGV[i]) end
else
  redis.call('ZREM', WORKERS, worker)
end
redis.call('ZREMRANGEBYSCORE', WORKERS, '-inf', now - 86400)
local overdue = {}
for i = 6 + tools, #ARGV do
  local job = 'job:' .. ARGV[i]
  local run_by, cancel_requested = unpack(redis.call('HMGET', job, 'worker', 'cancel_requested'))
  if run_by == worker then
    redis.call('HSET', job, 'heartbeat_at', now)
    if cancel_requested and is_older(cancel_requested, cancel_timeout) then overdue[#overdue + 1] = ARGV[i] end
  end
end
return overdue
