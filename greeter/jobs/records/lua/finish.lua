-- Prepended to all scripts but read and heartbeat, after queue.lua: the end of a job.

local DURATION_BOUNDS = {1, 10, 60, 600, 3600, 36000}

-- Adds a job that ended to the statistics. Returns how many seconds it ran.
local function count_end(outcome)
  local tool, started = unpack(redis.call('HMGET', key, 'tool', 'started'))
  redis.call('HINCRBY', STATISTICS, 'ended ' .. tool .. ' ' .. outcome, 1)
  if not started then return 0 end
  local duration, bucket = math.max(now - started, 0), '+Inf'
  for i = #DURATION_BOUNDS, 1, -1 do
    if duration <= DURATION_BOUNDS[i] then bucket = DURATION_BOUNDS[i] end
  end
  redis.call('HINCRBY', STATISTICS, 'bucket ' .. tool .. ' ' .. bucket, 1)
  redis.call('HINCRBYFLOAT', STATISTICS, 'seconds ' .. tool, duration)
  return duration
end

-- Delays an email by some seconds. `since` shows later whether the clock was set back in the meantime.
local function postpone_mail(job, seconds)
  redis.call('HSET', 'mail:' .. job, 'since', now)
  redis.call('ZADD', MAILS, now + seconds, job)
end

-- Moves the later jobs of the same client up by one, because this one ends while it waits. There are few: at most
-- MAX_ACTIVE.
local function move_later_jobs_up()
  local queue, client = my_queue(), get('client')
  local score = redis.call('ZSCORE', 'queue:' .. queue, job_id)
  if not client or not score or get('score') then return end  -- get('score'): it has started before
  -- A job behind this one has already started, and may be requeued.
  if tonumber(score) < score_of_last_started(queue) then return end
  for _, job in ipairs(redis.call('SMEMBERS', 'client:' .. client)) do
    local later = redis.call('ZSCORE', 'queue:' .. queue, job)
    if later and tonumber(later) > tonumber(score) then redis.call('ZINCRBY', 'queue:' .. queue, -1, job) end
  end
  redis.call('ZADD', 'clients:' .. queue, 'XX', 'INCR', -1, client)
end

-- Ends the job in a Celery state, with further fields and values. Returns its outcome and how many seconds it ran.
local function finish(state, ...)
  local was_waiting, client = is_waiting(), get('client')
  if was_waiting then move_later_jobs_up() end
  redis.call('HSET', key, 'state', state, 'ended', now, ...)
  redis.call('HDEL', key, 'client', 'cancel_requested')
  redis.call('ZREM', RUNNING, job_id)
  if was_waiting then leave_queue(dispatch) end  -- a running one has left it
  redis.call('ZADD', ENDED, now, job_id)
  if get('mail') then redis.call('ZADD', MAILS, 0, job_id) end
  if client then redis.call('SREM', 'client:' .. client, job_id) end
  local outcome = state == 'SUCCESS' and get('partial') and 'stopped' or OUTCOMES[state]
  return outcome, count_end(outcome)
end
