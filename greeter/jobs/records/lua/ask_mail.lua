#!lua
-- Store where to send the email about the end of a job, replacing an earlier address. A full Redis refuses this.
--
-- ARGV: 1 job id, 2 email address, 3 address of the job's page, 4 and 5 hashes of the email address and of the client,
--   6 maximum of emails per day for each of them
-- Returns: 'asked'; 'ended' if it is too late; 'limit' if there were too many; nil for an unknown job
local _, address, page, address_hash, client_hash, most = unpack(ARGV)
local counters = {'mails:' .. address_hash, 'mails:' .. client_hash}

if not get('state') then return false end
if has_ended() then return 'ended' end
for _, counter in ipairs(counters) do
  if tonumber(redis.call('GET', counter) or 0) >= tonumber(most) then return 'limit' end
end
for _, counter in ipairs(counters) do
  if redis.call('INCR', counter) == 1 then redis.call('EXPIRE', counter, 86400) end
end
redis.call('HSET', 'mail:' .. job_id, 'address', address, 'page', page)
redis.call('HSET', key, 'mail', 'asked')
return 'asked'
