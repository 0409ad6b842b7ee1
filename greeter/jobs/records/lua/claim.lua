#!lua flags=allow-oom
-- Start a waiting job.
--
-- ARGV: 1 job id, 2 worker, 3 process, 4 versions (JSON), 5 signature of the tool or '', 6... fields
-- Returns: the claims, the attempts, and those fields; 'changed' if the job has another signature; nil unless the job
--   is waiting, or this very process has claimed it
local _, worker, process, versions, signature = unpack(ARGV)

if is_waiting() then
  local submitted = get('signature')  -- greeter 0.2.0 stored none
  if signature ~= '' and submitted and submitted ~= signature then return 'changed' end
  local function one_more(field) return (get(field) or 0) + 1 end
  redis.call(
    'HSET', key, 'score', leave_queue_to_start(),
    'state', 'STARTED', 'worker', worker, 'process', process, 'versions', versions, 'started', now,
    'heartbeat_at', NOT_HERE, 'attempts', one_more('attempts'), 'claims', one_more('claims')
  )
  redis.call('ZADD', RUNNING, now, job_id)
elseif not is_run_by(worker, process) then
  return false
end
return redis.call('HMGET', key, 'claims', 'attempts', unpack(ARGV, 6))
