#!lua flags=allow-oom
-- Record the heartbeat of a worker, of the tools that it has, and of the jobs that it runs.
--
-- ARGV: 1 '', 2 worker, 3 '1' if it takes new jobs, 4 why it cannot run jobs or '', 5 seconds that a job has to end
--   after it was cancelled, 6 number of tools, 7... names or signatures of tools, then ids of the jobs
-- Returns: the ids of the jobs that this worker has to end: they were cancelled longer ago, or another worker has taken
--   them over
local _, worker, takes_jobs, unfit, cancel_timeout, tools = unpack(ARGV)

if takes_jobs == '1' then
  redis.call('ZADD', WORKERS, now, worker)
  for i = 7, 6 + tools do redis.call('ZADD', TOOLS, now, ARGV[i]) end
else
  redis.call('ZREM', WORKERS, worker)
end
if unfit == '' then
  redis.call('HDEL', UNFIT, worker)
else
  redis.call('HSET', UNFIT, worker, now .. ' ' .. unfit)
  redis.call('EXPIRE', UNFIT, 86400)
end
redis.call('ZREMRANGEBYSCORE', WORKERS, '-inf', now - 86400)
local overdue = {}
for i = 7 + tools, #ARGV do
  local job = 'job:' .. ARGV[i]
  local run_by, cancel_requested = unpack(redis.call('HMGET', job, 'worker', 'cancel_requested'))
  if run_by and run_by ~= worker then
    overdue[#overdue + 1] = ARGV[i]  -- another worker has taken it over
  elseif run_by == worker then
    redis.call('HSET', job, 'heartbeat_at', now)
    if cancel_requested and is_older(cancel_requested, cancel_timeout) then overdue[#overdue + 1] = ARGV[i] end
  end
end
return overdue
