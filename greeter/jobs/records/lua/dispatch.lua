#!lua flags=allow-oom
-- Resend lost messages of waiting jobs, and forget queues without jobs and workers.
--
-- ARGV: 1 ''
-- Returns: nil
for _, queue in ipairs(redis.call('SMEMBERS', QUEUES)) do
  dispatch(queue)
  if redis.call('EXISTS', 'queue:' .. queue, 'workers:' .. queue) == 0 then
    redis.call('SREM', QUEUES, queue)
    redis.call('DEL', 'fair:' .. queue)
  end
end
