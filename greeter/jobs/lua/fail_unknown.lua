#!lua flags=allow-oom
-- Fail a waiting job whose tool no worker has had for a while.
--
-- ARGV: 1 job id, 2 seconds, 3 result (JSON)
-- Returns: 1 if the job has failed now, 0 if it is still waiting, nil otherwise
local _, seconds, result = unpack(ARGV)

if phase() ~= 'waiting' then return false end
local announced = redis.call('ZSCORE', TOOLS, get('tool'))
if not is_older(get('submitted'), seconds) or not is_older(announced, seconds) then return 0 end
finish('FAILURE', 'result', result)
return 1
