"""The life cycle of a job, as the Lua scripts that Redis runs one at a time. docs/life-of-a-job.md draws it.

Only these scripts change a record, so what they refuse cannot happen: two claims of one job, a write by a worker
that lost it, a way out of an end state. Each may be sent twice, as happens when an answer is lost on its way.
`id` is the first argument of each; times are seconds by the clock of Redis, the only clock.
"""

BOUNDS = (1, 10, 60, 600, 3600, 36_000)
"""The seconds by which the times that jobs ran are counted."""

_PRELUDE = """
local id, time = ARGV[1], redis.call('TIME')
local key, now = 'job:' .. id, time[1] + time[2] / 1e6
local WAITING, RUNNING, ENDED, WORKERS = 'jobs:waiting', 'jobs:running', 'jobs:ended', 'workers'
local PHASES = {SUCCESS = 'finished', FAILURE = 'failed', REVOKED = 'cancelled'}

local function get(field) return redis.call('HGET', key, field) end

local function phase()
  if redis.call('ZSCORE', WAITING, id) then return 'waiting' end
  if redis.call('ZSCORE', RUNNING, id) then return 'running' end
  return redis.call('EXISTS', key) == 1 and 'ended' or nil
end

local function count(how)
  local tool, started = get('tool'), get('started')
  redis.call('HINCRBY', 'counted', 'ended ' .. tool .. ' ' .. how, 1)
  if not started then return end
  local bucket = '+Inf'
  for _, bound in ipairs({BOUNDS}) do
    if bucket == '+Inf' and now - started <= bound then bucket = bound end
  end
  redis.call('HINCRBY', 'counted', 'bucket ' .. tool .. ' ' .. bucket, 1)
  redis.call('HINCRBYFLOAT', 'counted', 'seconds ' .. tool, now - started)
end

local function is_run_by(worker, process)
  return phase() == 'running' and get('worker') == worker and (process == '' or get('process') == process)
end

local function finish(state, ...)
  local client = get('client')
  redis.call('HSET', key, 'state', state, 'ended', now, ...)
  redis.call('HDEL', key, 'client', 'cancel')
  redis.call('ZREM', WAITING, id)
  redis.call('ZREM', RUNNING, id)
  redis.call('ZADD', ENDED, now, id)
  if client then redis.call('SREM', 'client:' .. client, id) end
  count(state == 'SUCCESS' and get('partial') and 'stopped' or PHASES[state])
end
""".replace("BOUNDS", ", ".join(map(str, BOUNDS)))

# id, token, client, most waiting, most active of the client, seconds to remember the token, field, value, ...
# -> the id of this job, or of the one that the same form made; or 'full' or 'busy'
CREATE = """
if phase() then return id end
local token, of_client = 'token:' .. ARGV[2], 'client:' .. ARGV[3]
local before = ARGV[2] ~= '' and redis.call('GET', token)
if before and redis.call('EXISTS', 'job:' .. before) == 1 then return before end
if redis.call('ZCARD', WAITING) >= tonumber(ARGV[4]) then return 'full' end
if ARGV[3] ~= '' and redis.call('SCARD', of_client) >= tonumber(ARGV[5]) then return 'busy' end
redis.call('HSET', key, 'state', 'PENDING', 'submitted', now, 'attempts', 0, unpack(ARGV, 7))
redis.call('ZADD', WAITING, now, id)
if ARGV[2] ~= '' then redis.call('SET', token, id, 'EX', ARGV[6]) end
if ARGV[3] ~= '' then
  redis.call('HSET', key, 'client', ARGV[3])
  redis.call('SADD', of_client, id)
end
return id
"""

# id, seconds without an announcement after which a worker is not there -> what a page shows, as JSON, or nil. It has
# no time that goes on by itself but `elapsed`, in whole minutes after the first, `silence`, likewise, when it is long,
# and `today`: what did not change is the same text, letter by letter.
READ = """
local names = {
  'state', 'tool', 'label', 'submitted', 'started', 'ended', 'attempts', 'cancel', 'progress', 'partial', 'result',
  'request'
}
local shown = {}
for i, value in ipairs(redis.call('HMGET', key, unpack(names))) do shown[names[i]] = value or nil end
if not shown.state then return false end
local function shorten(seconds) return math.floor(seconds < 60 and seconds or math.floor(seconds / 60) * 60) end
shown.elapsed = shorten((shown.ended or now) - (shown.started or shown.submitted))
local silence = shown.ended and 0 or now - (get('seen') or now)
if silence >= 30 then shown.silence = shorten(silence) end
shown.ahead = redis.call('ZRANK', WAITING, id) or nil
shown.workers = redis.call('ZCOUNT', WORKERS, now - ARGV[2], '+inf')
shown.today = math.floor(now / 86400)
return cjson.encode(shown)
"""

# id, worker, process, versions -> the parameters; nil unless the job waits, or is this very process's already
CLAIM = """
if phase() == 'waiting' then
  redis.call('HINCRBY', key, 'attempts', 1)
  redis.call('HSET', key, 'state', 'STARTED', 'worker', ARGV[2], 'process', ARGV[3], 'versions', ARGV[4])
  redis.call('HSET', key, 'started', now, 'seen', now)
  redis.call('ZREM', WAITING, id)
  redis.call('ZADD', RUNNING, now, id)
elseif not is_run_by(ARGV[2], ARGV[3]) then
  return false
end
return get('params')
"""

# id, worker, process -> 'running', 'cancel' when somebody asked for that, or nil when the job is another's by now
BEAT = """
if not is_run_by(ARGV[2], ARGV[3]) then return false end
redis.call('HSET', key, 'seen', now)
return get('cancel') and 'cancel' or 'running'
"""

# id, worker, process or '' for its main process, state, whether it is an end, field, value, ... -> 1, or 0 when the
# job is another's by now. One that was to be cancelled ends as cancelled, with what its tool returned, if it did.
WRITE = """
if not is_run_by(ARGV[2], ARGV[3]) then return 0 end
if ARGV[5] == '1' and get('cancel') then
  finish('REVOKED', unpack(ARGV, ARGV[4] == 'SUCCESS' and 6 or #ARGV + 1))
elseif ARGV[5] == '1' then
  finish(ARGV[4], unpack(ARGV, 6))
else
  redis.call('HSET', key, 'state', ARGV[4], unpack(ARGV, 6))
end
return 1
"""

# id, worker, seconds for which nobody has heard of it, '1' when the attempt counts, most attempts, result when that was
# the last one -> 'PENDING' when the job waits again, its end state, or nil when it goes on, or is another worker's
LOSE = """
if not is_run_by(ARGV[2], '') or tonumber(get('seen')) > now - ARGV[3] then return false end
if get('cancel') then
  finish('REVOKED')
elseif ARGV[4] == '1' and tonumber(get('attempts')) >= tonumber(ARGV[5]) then
  finish('FAILURE', 'result', ARGV[6])
else
  if ARGV[4] ~= '1' then redis.call('HINCRBY', key, 'attempts', -1) end
  redis.call('HSET', key, 'state', 'PENDING')
  redis.call('HDEL', key, 'worker', 'process', 'started', 'seen', 'progress')
  redis.call('ZREM', RUNNING, id)
  redis.call('ZADD', WAITING, now, id)  -- behind the others, as its new message is
end
return get('state')
"""

# id, seconds without a sign of life after which nobody runs it -> 'cancelled'; 'running' when its next beat tells it;
# 'ended' when it had ended; or nil
CANCEL = """
local was = phase()
if was == 'waiting' or (was == 'running' and tonumber(get('seen')) < now - ARGV[2]) then
  finish('REVOKED')
  return 'cancelled'
end
if was == 'running' then redis.call('HSETNX', key, 'cancel', now) end
return was
"""

# id -> nil; nothing happens unless the job has ended
DELETE = """
if phase() == 'ended' then redis.call('DEL', key) end
redis.call('ZREM', ENDED, id)
"""

# worker, seconds, job, ... -> those of these jobs, which it runs, whose end was asked for longer ago than that
ANNOUNCE = """
local overdue = {}
redis.call('ZADD', WORKERS, now, id)
redis.call('ZREMRANGEBYSCORE', WORKERS, '-inf', now - 86400)
for i = 3, #ARGV do
  local job = 'job:' .. ARGV[i]
  local worker, cancel = unpack(redis.call('HMGET', job, 'worker', 'cancel'))
  if worker == id then redis.call('HSET', job, 'seen', now) end
  if worker == id and cancel and tonumber(cancel) < now - ARGV[2] then overdue[#overdue + 1] = ARGV[i] end
end
return overdue
"""

# '', seconds -> job, worker, ... of the running jobs of which nobody has heard for so long
SILENT = """
local silent = {}
for _, job in ipairs(redis.call('ZRANGE', RUNNING, 0, -1)) do
  local worker, seen = unpack(redis.call('HMGET', 'job:' .. job, 'worker', 'seen'))
  if tonumber(seen or 0) < now - ARGV[2] then
    silent[#silent + 1] = job
    silent[#silent + 1] = worker or ''
  end
end
return silent
"""

# '', the broker's list, seconds -> the jobs that wait for so long and have no message there. They now wait behind the
# others, as their new messages will be.
UNSENT = """
local waiting = redis.call('ZRANGEBYSCORE', WAITING, '-inf', now - ARGV[3])
if #waiting == 0 then return waiting end
local sent, unsent = {}, {}
for _, message in ipairs(redis.call('LRANGE', ARGV[2], 0, -1)) do
  sent[string.match(message, '"correlation_id": "(%x+)"') or ''] = true
end
for _, job in ipairs(waiting) do
  if not sent[job] then
    unsent[#unsent + 1] = job
    redis.call('ZADD', WAITING, now, job)
  end
end
return unsent
"""

# '', seconds -> jobs that ended longer ago than that
EXPIRED = """
return redis.call('ZRANGEBYSCORE', ENDED, '-inf', now - ARGV[2], 'LIMIT', 0, 100)
"""

# '', seconds -> the jobs that wait, those that run, the workers heard of in that time; what was counted at ends. An
# error when Redis takes no writes.
COUNTS = """
redis.call('SET', 'asked', now)
local workers = redis.call('ZCOUNT', WORKERS, now - ARGV[2], '+inf')
return {redis.call('ZCARD', WAITING), redis.call('ZCARD', RUNNING), workers, redis.call('HGETALL', 'counted')}
"""

# A Redis that is full takes no new job, and lets those that it has be cancelled, go on and end. (READ writes nothing,
# and would be taken for a script that does.)
_ALSO_WHEN_FULL = "#!lua flags=allow-oom"

SCRIPTS = {
    name.lower(): ("" if name in ("CREATE", "COUNTS", "READ") else _ALSO_WHEN_FULL) + _PRELUDE + source
    for name, source in list(globals().items())
    if name.isupper() and name[0] != "_" and isinstance(source, str)
}
