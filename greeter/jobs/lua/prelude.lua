-- Prepended to every script: the keys, the clock, and what several scripts share.
--
-- These scripts are the only writers of a record, so what they refuse cannot happen: two claims of one job, a write by
-- a runner that lost its job, a transition out of an end state. Redis runs them one at a time. A client repeats a call
-- whose reply was lost, so each script may run twice for one call.
--
-- KEYS: none. Which keys a script uses depends on the record, and Redis Cluster is not supported.
-- ARGV: 1 the job id, or '' for a script about all jobs; the others as each script says.
--
-- Times are seconds since the epoch by the clock of Redis, which is the only clock.

local job_id, time = ARGV[1], redis.call('TIME')
local key, now = 'job:' .. job_id, time[1] + time[2] / 1e6
local WAITING, RUNNING, ENDED = 'jobs:waiting', 'jobs:running', 'jobs:ended'
local WORKERS, UNFIT, TOOLS, STATISTICS = 'workers', 'workers:unfit', 'tools', 'statistics'
local CLOCK, BYTES = 'clock', 'bytes'
local PHASES = {SUCCESS = 'finished', FAILURE = 'failed', REVOKED = 'cancelled'}
local CLOCK_TOLERANCE = 5  -- seconds; a stamp further in the future is from before the clock was set back
local DURATION_BOUNDS = {1, 10, 60, 600, 3600, 36000}

local function get(field) return redis.call('HGET', key, field) end

-- Returns 'waiting', 'running', 'ended', or nil for an unknown job.
local function phase()
  if redis.call('ZSCORE', WAITING, job_id) then return 'waiting' end
  if redis.call('ZSCORE', RUNNING, job_id) then return 'running' end
  return redis.call('EXISTS', key) == 1 and 'ended' or nil
end

-- Whether the job is running, and this runner claimed it. Process '' is the main process of the worker.
local function is_run_by(worker, process)
  return phase() == 'running' and get('worker') == worker and (process == '' or get('process') == process)
end

-- Whether a stamp is older than this many seconds. A stamp in the future counts as old.
local function is_older(stamp, seconds)
  local age = now - (stamp or 0)
  return age >= tonumber(seconds) or age < -CLOCK_TOLERANCE
end

-- Returns a score at the end of the queue, even if the clock was set back since the last job was added.
local function end_of_queue()
  local last = redis.call('ZRANGE', WAITING, -1, -1, 'WITHSCORES')[2]
  return math.max(now, (last or 0) + 1e-6)
end

-- Adds to the bytes that all jobs keep, and to those that the owner of this one keeps.
local function count_bytes(change)
  for _, whose in ipairs({'all', get('owner')}) do
    if whose and redis.call('HINCRBY', BYTES, whose, change) <= 0 then redis.call('HDEL', BYTES, whose) end
  end
end

-- Adds a job that ended to the statistics.
local function count_end(end_phase)
  local tool, started = get('tool'), get('started')
  redis.call('HINCRBY', STATISTICS, 'ended ' .. tool .. ' ' .. end_phase, 1)
  if not started then return end
  local duration, bucket = math.max(now - started, 0), '+Inf'
  for i = #DURATION_BOUNDS, 1, -1 do
    if duration <= DURATION_BOUNDS[i] then bucket = DURATION_BOUNDS[i] end
  end
  redis.call('HINCRBY', STATISTICS, 'bucket ' .. tool .. ' ' .. bucket, 1)
  redis.call('HINCRBYFLOAT', STATISTICS, 'seconds ' .. tool, duration)
end

-- Ends the job in a Celery state, with further fields and values.
local function finish(state, ...)
  local client = get('client')
  redis.call('HSET', key, 'state', state, 'ended', now, ...)
  redis.call('HDEL', key, 'client', 'cancel_requested')
  redis.call('ZREM', WAITING, job_id)
  redis.call('ZREM', RUNNING, job_id)
  redis.call('ZADD', ENDED, now, job_id)
  if client then redis.call('SREM', 'client:' .. client, job_id) end
  count_end(state == 'SUCCESS' and get('partial') and 'stopped' or PHASES[state])
end
