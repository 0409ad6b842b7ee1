-- Prepended to every script, first: the keys, the clock, and what several scripts share.
--
-- Only these scripts write records, and Redis runs them one at a time. So what they refuse cannot happen: two claims of
-- one job, a write by a runner that has lost its job, a transition out of an end state. A client repeats a call whose
-- reply was lost, so each script may run twice for one call.
--
-- KEYS: none. Which keys a script uses depends on the record, and Redis Cluster is not supported.
-- ARGV: 1 the job id, or '' for a script about all jobs; each script lists the others.
--
-- Times are seconds since the epoch by the clock of Redis, which is the only clock.

local job_id, time = ARGV[1], redis.call('TIME')
local key, now = 'job:' .. job_id, time[1] + time[2] / 1e6
local RUNNING, ENDED, QUEUES = 'jobs:running', 'jobs:ended', 'queues'
local UNFIT, TOOLS, SERVED_TOOLS, STATISTICS = 'unfit', 'tools', 'workers:tools', 'statistics'
local CLOCK, BYTES, MAILS = 'clock', 'bytes', 'mails'
local DEFAULT_QUEUE = 'celery'
local OUTCOMES = {SUCCESS = 'finished', FAILURE = 'failed', REVOKED = 'cancelled'}  -- and 'stopped'; see finish.lua
local NOT_HERE = '9e99'  -- heartbeat_at, for workers of version 0.2.0; the last heartbeat is in RUNNING now
local CLOCK_TOLERANCE = 5  -- seconds; a time further in the future was stored before the clock was set back

local function get(field) return redis.call('HGET', key, field) end

local function my_queue() return get('queue') or DEFAULT_QUEUE end

-- None of these is true if the job does not exist.
local function is_waiting() return get('state') == 'PENDING' end
local function has_ended() return OUTCOMES[get('state')] ~= nil end
local function is_running()
  local state = get('state')
  return state and state ~= 'PENDING' and not OUTCOMES[state]
end

-- Whether the job is running, and this runner claimed it. Process '' is the main process of the worker.
local function is_run_by(worker, process)
  local by_worker, in_process = unpack(redis.call('HMGET', key, 'worker', 'process'))
  return by_worker == worker and (process == '' or in_process == process) and is_running()
end

-- Returns the time of the last heartbeat of a running job.
local function last_heartbeat() return redis.call('ZSCORE', RUNNING, job_id) end

-- Whether a stamp is older than this many seconds. A stamp in the future counts as old.
local function is_older(stamp, seconds)
  local age = now - (stamp or 0)
  return age >= tonumber(seconds) or age < -CLOCK_TOLERANCE
end
