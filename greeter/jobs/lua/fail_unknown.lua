#!lua flags=allow-oom
-- Count for how many seconds only workers without a matching tool (none, or another signature) have got the message of
-- a waiting job, and fail the job after that many. Counting calls, at most one a second, is robust against a clock that
-- jumps, which makes every announcement look old until the next one, and against several messages of one job.
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
