#!lua flags=allow-oom
-- Resend the message of a waiting job that went to a worker without its tool, or with another signature of it, and send
-- that worker's next message: that of the first job that it can run. All jobs keep their places.
--
-- If no worker has had the tool for some seconds, fail the job. Calls are counted (at most one per second) instead of
-- comparing times: after a clock jump all heartbeats look old until the next one, and a job can have several messages.
-- All jobs of the tool count together, because only the first ones are sent.
--
-- ARGV: 1 job id, 2 seconds, 3 result (JSON), 4... names and signatures of the worker's tools
-- Returns: 1 if the job has failed now, and otherwise 0; the queue if the worker can run none of its next jobs, or ''
local _, seconds, result = unpack(ARGV)
local UNKNOWN = 'jobs:unknown'
local mine = {}
for i = 4, #ARGV do mine[ARGV[i]] = true end

local function tool_of(job)
  local signature, tool = unpack(redis.call('HMGET', 'job:' .. job, 'signature', 'tool'))
  return signature or tool
end

-- Counts for how many seconds no worker has had a tool, and returns them.
local function seconds_without(tool)
  if not is_older(redis.call('ZSCORE', TOOLS, tool), seconds) then
    redis.call('HDEL', UNKNOWN, tool, 'at ' .. tool)
    return 0
  end
  local count, at = unpack(redis.call('HMGET', UNKNOWN, tool, 'at ' .. tool))
  if math.abs(now - (at or 0)) < 1 then return tonumber(count) end
  redis.call('HSET', UNKNOWN, 'at ' .. tool, now)
  redis.call('EXPIRE', UNKNOWN, 86400)
  return redis.call('HINCRBY', UNKNOWN, tool, 1)
end

if not is_waiting() then return {0, ''} end
if seconds_without(tool_of(job_id)) > tonumber(seconds) then
  finish('FAILURE', 'result', result)
  return {1, ''}
end
redis.call('ZREM', 'sent:' .. my_queue(), job_id)
return {0, dispatch(my_queue(), function(job) return mine[tool_of(job)] end) and '' or my_queue()}
