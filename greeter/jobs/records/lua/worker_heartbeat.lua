#!lua flags=allow-oom
-- Record the heartbeat of a worker, of its queues and tools, and of the jobs that it runs.
--
-- ARGV: 1 '', 2 worker, 3 why it cannot run jobs or '', 4 seconds that a job has to end after it was cancelled,
--   5 number of queues from which it takes jobs, 6 number of tools, 7... the names of the queues, then the names or
--   signatures of tools, then ids of the jobs
-- Returns: the ids of the jobs that this worker has to kill: they were cancelled longer ago, or another worker has
--   taken them over
local _, worker, unfit, cancel_timeout, queues, tools = unpack(ARGV)

for _, queue in ipairs(redis.call('SMEMBERS', QUEUES)) do
  redis.call('ZREM', 'workers:' .. queue, worker)
  redis.call('ZREMRANGEBYSCORE', 'workers:' .. queue, '-inf', now - 86400)
end
for i = 7, 6 + queues do
  redis.call('SADD', QUEUES, ARGV[i])
  redis.call('ZADD', 'workers:' .. ARGV[i], now, worker)
end
for i = 7 + queues, 6 + queues + tools do
  redis.call('ZADD', TOOLS, now, ARGV[i])  -- also while it takes no jobs, so that those of its tools wait for it
  if tonumber(queues) > 0 then redis.call('ZADD', SERVED_TOOLS, now, ARGV[i]) end
end
if unfit == '' then
  redis.call('HDEL', UNFIT, worker)
else
  redis.call('HSET', UNFIT, worker, now .. ' ' .. unfit)
  redis.call('EXPIRE', UNFIT, 86400)
end
local overdue = {}
for i = 7 + queues + tools, #ARGV do
  local run_by, cancel_requested = unpack(redis.call('HMGET', 'job:' .. ARGV[i], 'worker', 'cancel_requested'))
  if run_by and run_by ~= worker then
    overdue[#overdue + 1] = ARGV[i]  -- another worker has taken it over
  elseif run_by == worker then
    redis.call('ZADD', RUNNING, 'XX', now, ARGV[i])
    if cancel_requested and is_older(cancel_requested, cancel_timeout) then overdue[#overdue + 1] = ARGV[i] end
  end
end
return overdue
