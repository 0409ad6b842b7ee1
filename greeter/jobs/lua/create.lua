-- Create a waiting job, unless the same form has created one already. Without the flag allow-oom, a full Redis refuses
-- new jobs.
--
-- ARGV: 1 job id, 2 token of the form or '', 3 client or '', 4 maximum of waiting jobs, 5 maximum of active jobs of one
--   client, 6 seconds to remember the token, 7... further fields and values
-- Returns: the id of the job, or of the one that the form created; 'full' or 'busy' when a limit is reached
local _, token, client, most_waiting, most_active, remember = unpack(ARGV)
local token_key, client_key = 'token:' .. token, 'client:' .. client

if phase() then return job_id end
local created = token ~= '' and redis.call('GET', token_key)
if created and redis.call('EXISTS', 'job:' .. created) == 1 then return created end
if redis.call('ZCARD', WAITING) >= tonumber(most_waiting) then return 'full' end
if client ~= '' and redis.call('SCARD', client_key) >= tonumber(most_active) then return 'busy' end

redis.call('HSET', key, 'state', 'PENDING', 'submitted', now, 'attempts', 0, unpack(ARGV, 7))
redis.call('ZADD', WAITING, end_of_queue(), job_id)
if token ~= '' then redis.call('SET', token_key, job_id, 'EX', remember) end
if client ~= '' then
  redis.call('HSET', key, 'client', client)
  redis.call('SADD', client_key, job_id)
end
return job_id
