#!lua flags=allow-oom
-- Change the state and fields of a running job. A job that was cancelled ends as REVOKED, and keeps a result that its
-- tool returned in time.
--
-- ARGV: 1 job id, 2 worker, 3 process or '' for the worker's main process, 4 Celery state, 5 '1' if that is an end
--   state, 6 bytes of the job's files or '', 7... further fields and values
-- Returns: 1, or 0 if this runner has lost the job
local _, worker, process, state, is_end, bytes = unpack(ARGV)

if not is_run_by(worker, process) then return 0 end
if bytes ~= '' then set_bytes(bytes) end
if is_end == '1' and get('cancel_requested') then
  finish('REVOKED', unpack(ARGV, state == 'SUCCESS' and 7 or #ARGV + 1))
elseif is_end == '1' then
  finish(state, unpack(ARGV, 7))
else
  redis.call('HSET', key, 'state', state, unpack(ARGV, 7))
end
return 1
