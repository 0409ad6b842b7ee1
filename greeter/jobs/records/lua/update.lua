#!lua flags=allow-oom
-- Change the state and fields of a running job. A job that was cancelled ends as REVOKED, and keeps a result that its
-- tool returned in time.
--
-- ARGV: 1 job id, 2 worker, 3 process or '' for the worker's main process, 4 Celery state, 5 '1' if that is an end
--   state, 6 bytes of the job's files or '', 7... further fields and values
-- Returns: what the log says about the job: its outcome or 'running', the seconds that it ran (0 until its end), its
--   tool, its number of attempts, and the id of the request that submitted it or nil; or nil if this runner has lost it
local _, worker, process, state, is_end, bytes = unpack(ARGV)

if not is_run_by(worker, process) then return false end
local outcome, seconds = 'running', 0
if is_end == '1' and get('cancel_requested') then
  outcome, seconds = finish('REVOKED', unpack(ARGV, state == 'SUCCESS' and 7 or #ARGV + 1))
elseif is_end == '1' then
  outcome, seconds = finish(state, unpack(ARGV, 7))
else
  redis.call('HSET', key, 'state', state, unpack(ARGV, 7))
end
if bytes ~= '' then set_bytes(bytes) end
return {outcome, seconds, unpack(redis.call('HMGET', key, 'tool', 'attempts', 'request'))}
