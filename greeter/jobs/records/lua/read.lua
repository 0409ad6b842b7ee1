-- Read what the pages of jobs show.
--
-- It has no flags line: with one, Redis would treat it as a script that writes, and refuse it when writes are refused.
--
-- ARGV: 1 '', 2 seconds after which a worker without a heartbeat is not counted, 3 and later: ids of jobs
-- Returns: for each job a JSON object (record.py), or nil if it is unknown. The text changes only when the page does.
--   So `elapsed` and `silence` are in whole minutes after the first one, and `silence` is left out below 30 seconds
local worker_timeout = ARGV[2]

local fields = {
  'state', 'tool', 'label', 'submitted', 'started', 'ended', 'attempts', 'cancel_requested', 'progress', 'partial',
  'result', 'request', 'claims', 'queue', 'mail'
}

local function rounded(seconds)
  return math.max(math.floor(seconds < 60 and seconds or math.floor(seconds / 60) * 60), 0)
end

local function read(id)
  local snapshot = {}
  for i, value in ipairs(redis.call('HMGET', 'job:' .. id, unpack(fields))) do snapshot[fields[i]] = value or nil end
  if not snapshot.state then return false end
  snapshot.elapsed = rounded((snapshot.ended or now) - (snapshot.started or snapshot.submitted))
  snapshot.queue = snapshot.queue or DEFAULT_QUEUE
  if snapshot.state == 'PENDING' then
    snapshot.ahead = redis.call('ZRANK', 'queue:' .. snapshot.queue, id) or nil
  elseif not snapshot.ended then
    local silence = now - (redis.call('ZSCORE', RUNNING, id) or now)
    if silence >= 30 then snapshot.silence = rounded(silence) end
  end
  local since, to = now - worker_timeout, now + CLOCK_TOLERANCE
  snapshot.workers = redis.call('ZCOUNT', 'workers:' .. snapshot.queue, since, to)
  local tool = redis.call('HGET', 'job:' .. id, 'signature') or snapshot.tool
  -- Workers of version 0.3.0 announce their tools only in the second set.
  local served_at = redis.call('ZSCORE', SERVED_TOOLS, tool) or redis.call('ZSCORE', TOOLS, tool)
  if is_older(served_at, worker_timeout) then snapshot.workers = 0 end
  snapshot.today = math.floor(now / 86400)
  return cjson.encode(snapshot)
end

local snapshots = {}
for i = 3, #ARGV do snapshots[i - 2] = read(ARGV[i]) end
return snapshots
