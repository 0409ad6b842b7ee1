#!lua flags=allow-oom
-- Count the seconds in which a worker without the tool of a waiting job, or with another signature of it, has got its
-- message. Fail the job after that many seconds without any worker that has the tool. Counting is not misled by a clock
-- that jumps, which makes every announcement look old until the next one, nor by a job that has several messages.
--
-- ARGV: 1 job id, 2 seconds, 3 result (JSON)
-- Returns: 1 if the job has failed now, 0 if it is still waiting, nil otherwise
local _, seconds, result = unpack(ARGV)

local function keep_waiting()
  dispatch(my_queue())  -- the next one need not wait for this one
  return 0
end

if phase() ~= 'waiting' then return false end
if not is_older(redis.call('ZSCORE', TOOLS, get('signature') or get('tool')), seconds) then
  redis.call('HDEL', key, 'unknown', 'unknown_at')
  return keep_waiting()
end
if math.abs(now - (get('unknown_at') or 0)) < 1 then return keep_waiting() end
redis.call('HSET', key, 'unknown_at', now)
if redis.call('HINCRBY', key, 'unknown', 1) <= tonumber(seconds) then return keep_waiting() end
finish('FAILURE', 'result', result)
return 1
