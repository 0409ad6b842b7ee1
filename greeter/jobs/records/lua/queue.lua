-- Prepended to all scripts but read and heartbeat, after prelude.lua: the queues.
--
-- A sorted set has the order of the waiting jobs of a queue; the broker's list has only the messages of the next WINDOW
-- jobs. So a job's place is exact, and no script takes longer if more jobs wait. Every script that changes the order
-- also updates the list, so no message can be missing because a process died between the two.
--
-- Each client gets a fair share, as in start-time fair queueing: score = max(score of this client's last job + 1, score
-- of the last job that started + 0.5), plus a fraction below 0.1 that breaks ties by submission order. So a new job of
-- a client without waiting jobs is next, and clients with several jobs alternate.

local WINDOW = 16
local MOST_READ = 4 * WINDOW  -- messages of the list, which may have many of other programs
local MOST_SEARCHED = 2000  -- jobs among which one is searched that a worker can run
local MESSAGE_TIMEOUT = 10  -- seconds after which a message that was taken without a claim counts as lost

-- Returns the message of a job, or nil if its record was deleted by hand. It is what Celery and kombu would put into
-- the list; tests/jobs/test_queues.py compares. The body has no arguments.
local function message_of(queue, job)
  local tool, request = unpack(redis.call('HMGET', 'job:' .. job, 'tool', 'request'))
  if not tool then return nil end
  return '{"body": '
    .. '"W1tdLCB7fSwgeyJjYWxsYmFja3MiOiBudWxsLCAiZXJyYmFja3MiOiBudWxsLCAiY2hhaW4iOiBudWxsLCAiY2hvcmQiOiBudWxsfV0=", '
    .. '"content-encoding": "utf-8", "content-type": "application/json", "headers": {"lang": "py", '
    .. '"task": "' .. tool .. '", "id": "' .. job .. '", "shadow": null, "eta": null, "expires": null, '
    .. '"group": null, "group_index": null, "retries": 0, "timelimit": [null, null], "root_id": "' .. job .. '", '
    .. '"parent_id": null, "argsrepr": "()", "kwargsrepr": "{}", "origin": "greeter", "ignore_result": null, '
    .. '"replaced_task_nesting": 0, "stamped_headers": null, "stamps": {}, "request_id": "' .. (request or '') .. '"}, '
    .. '"properties": {"correlation_id": "' .. job .. '", "reply_to": "", "delivery_mode": 2, '
    .. '"delivery_info": {"exchange": "", "routing_key": "' .. queue .. '"}, "priority": 0, "body_encoding": "base64", '
    .. '"delivery_tag": "' .. job .. '"}}'
end

-- Replaces the messages in `list`, which were read, by those in `wanted`. Workers take messages from the end of the
-- broker's list, so the first wanted one is put there.
local function replace(queue, list, wanted, jobs)
  local same = 0
  while same < #list and list[#list - same] == wanted[same + 1] do same = same + 1 end
  for i = 1, #list - same do redis.call('ZREM', 'sent:' .. queue, jobs[list[i]] or '') end
  local are_all = #list < MOST_READ
  if are_all then
    redis.call('LTRIM', queue, #list - same, -1)
  elseif same < math.max(#list, #wanted) then
    redis.call('LTRIM', queue, 0, -1 - #list)
    for i = #wanted, 1, -1 do redis.call('RPUSH', queue, wanted[i]) end
  end
  for i = same + 1, #wanted do
    if are_all then redis.call('LPUSH', queue, wanted[i]) end
    if jobs[wanted[i]] then redis.call('ZADD', 'sent:' .. queue, now, jobs[wanted[i]]) end
  end
end

-- Returns the first job of the queue for which the function returns true, or nil.
local function first_of(queue, is_wanted)
  for start = 0, MOST_SEARCHED - 1, 100 do
    local jobs = redis.call('ZRANGE', 'queue:' .. queue, start, start + 99)
    for _, job in ipairs(jobs) do
      if is_wanted(job) then return job end
    end
    if #jobs < 100 then return nil end
  end
end

-- Rebuilds the broker's list of a queue: messages of the next WINDOW jobs, then those of other programs. A sent job
-- missing from the list was either taken by a worker, which is about to claim it, or lost. After MESSAGE_TIMEOUT, its
-- message is sent again, which does no harm: only the first claim counts.
--
-- With `can_run`, the message of the first job for which it returns true comes first, until the next change. Returns
-- whether there is such a job.
local function dispatch(queue, can_run)
  local sent, sent_at = 'sent:' .. queue, {}
  local reply = redis.call('ZRANGE', sent, 0, -1, 'WITHSCORES')
  for i = 1, #reply, 2 do sent_at[reply[i]] = reply[i + 1] end

  local list, jobs, messages, others = redis.call('LRANGE', queue, -MOST_READ, -1), {}, {}, {}
  for i = #list, 1, -1 do
    local message = list[i]
    local _, before = string.find(message, '"correlation_id": "', 1, true)  -- faster than a pattern
    local job = before and string.match(message, '^%x+', before + 1)
    if job and (sent_at[job] or redis.call('EXISTS', 'job:' .. job) == 1) then
      jobs[message], messages[job] = job, message
    else
      others[#others + 1] = message
    end
  end

  local taken, number = {}, 0
  for job, at in pairs(sent_at) do
    if not messages[job] and not is_older(at, MESSAGE_TIMEOUT) then taken[job], number = true, number + 1 end
    if not messages[job] and not taken[job] then redis.call('ZREM', sent, job) end
  end
  local wanted = {}
  for _, job in ipairs(redis.call('ZRANGE', 'queue:' .. queue, 0, WINDOW + number - 1)) do
    local message = messages[job] or message_of(queue, job)
    if not message then
      redis.call('ZREM', 'queue:' .. queue, job)
      redis.call('ZREM', 'waiting:' .. queue, job)
    elseif not taken[job] and #wanted < WINDOW then
      jobs[message], wanted[#wanted + 1] = job, message
    end
  end
  for _, message in ipairs(others) do wanted[#wanted + 1] = message end
  local first = can_run and first_of(queue, function(job) return not taken[job] and can_run(job) end)
  if first then
    local message = messages[first] or message_of(queue, first)
    for i, one in ipairs(wanted) do
      if one == message then table.remove(wanted, i) end
    end
    jobs[message] = first
    table.insert(wanted, 1, message)
  end
  replace(queue, list, wanted, jobs)
  return first ~= nil
end

-- Sends the message of the next job without reading the list, if the job before it was the last to be sent. Calls
-- dispatch() if anything is not as expected.
local function send_next(queue)
  local sent = redis.call('ZCARD', 'sent:' .. queue)
  local before, job = unpack(redis.call('ZRANGE', 'queue:' .. queue, math.max(sent - 1, 0), sent))
  local last = sent > 0 and before and redis.call('LINDEX', queue, 0)
  if not last or not string.find(last, before, 1, true) then return dispatch(queue) end
  if not job or redis.call('LLEN', queue) >= WINDOW then return end
  local message = message_of(queue, job)
  if not message then return dispatch(queue) end
  redis.call('LPUSH', queue, message)
  redis.call('ZADD', 'sent:' .. queue, now, job)
end

-- Returns how many jobs wait in all queues.
local function waiting_jobs()
  local sum = 0
  for _, queue in ipairs(redis.call('SMEMBERS', QUEUES)) do sum = sum + redis.call('ZCARD', 'queue:' .. queue) end
  return sum
end

-- Returns the score of the job of this queue that started last.
local function score_of_last_started(queue) return tonumber(redis.call('HGET', 'fair:' .. queue, 'turn') or 0) end

-- Adds the job to its queue with a score.
local function add_to_queue(score)
  local queue = my_queue()
  redis.call('ZADD', 'queue:' .. queue, score, job_id)
  redis.call('ZADD', 'waiting:' .. queue, now, job_id)
  redis.call('SADD', QUEUES, queue)
  local rank = redis.call('ZRANK', 'queue:' .. queue, job_id)
  local sent = redis.call('ZCARD', 'sent:' .. queue)
  if rank < sent then
    dispatch(queue)
  elseif sent < WINDOW or redis.call('LLEN', queue) < WINDOW then
    send_next(queue)
  end
end

-- Adds a new job to its queue, with a score that gives its client a fair share.
local function join_queue(client)
  local queue = my_queue()
  local last = redis.call('ZSCORE', 'clients:' .. queue, client)
  local score = math.max(score_of_last_started(queue) + 0.5, (last or -1) + 1)
  redis.call('ZADD', 'clients:' .. queue, score, client)
  add_to_queue(score + redis.call('HINCRBY', 'fair:' .. queue, 'sequence', 1) % 1e6 * 1e-7)
end

-- Removes the job from its queue. `send` is send_next() if a worker has taken the message, or else dispatch(). Scores
-- start at 0 again before they lose precision, when no job is waiting.
local function leave_queue(send)
  local queue = my_queue()
  redis.call('ZREM', 'waiting:' .. queue, job_id)
  if redis.call('ZREM', 'queue:' .. queue, job_id) == 0 then return end
  if redis.call('ZREM', 'sent:' .. queue, job_id) == 1 then send(queue) end
  if redis.call('ZCARD', 'queue:' .. queue) > 0 then return end
  redis.call('DEL', 'clients:' .. queue)
  if score_of_last_started(queue) > 1e6 then redis.call('DEL', 'fair:' .. queue) end
end

-- Removes the job from its queue because it starts, and returns its score. Forgets clients whose next job would be
-- first anyway.
local function leave_queue_to_start()
  local queue = my_queue()
  local score = redis.call('ZSCORE', 'queue:' .. queue, job_id) or 0
  local last_started = math.max(score_of_last_started(queue), math.floor(2 * score) / 2)  -- without the fraction
  redis.call('HSET', 'fair:' .. queue, 'turn', last_started)
  redis.call('ZREMRANGEBYSCORE', 'clients:' .. queue, '-inf', last_started - 0.5)
  leave_queue(send_next)
  return score
end
