#!lua flags=allow-oom
-- Count that a worker without the tool of a waiting job, or with another signature of it, has got its message, which
-- happens at most once a second. Fail the job after that many times in a row without any worker that has the tool.
-- (Counting is not misled by a clock that jumps, which makes every announcement look old until the next one.)
--
-- ARGV: 1 job id, 2 seconds, 3 result (JSON)
-- Returns: 1 if the job has failed now, 0 if it is still waiting, nil otherwise
local _, seconds, result = unpack(ARGV)

if phase() ~= 'waiting' then return false end
if not is_older(redis.call('ZSCORE', TOOLS, get('signature') or get('tool')), seconds) then
  redis.call('HDEL', key, 'unknown')
  join_queue_at(-1)
  return 0
end
if redis.call('HINCRBY', key, 'unknown', 1) <= tonumber(seconds) then
  join_queue_at(-1)
  return 0
end
finish('FAILURE', 'result', result)
return 1
