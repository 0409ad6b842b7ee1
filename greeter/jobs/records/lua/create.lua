-- Create a waiting job, unless the same form has created one already. Without the flag allow-oom, a full Redis refuses
-- new jobs.
--
-- ARGV: 1 job id, 2 token of the form or '', 3 client or '', 4 owner (a hash of the client) or '', 5 maximum of waiting
--   jobs, 6 maximum of active jobs of one client, 7 maximum of bytes of one owner, 8 maximum of bytes of all jobs,
--   9 bytes of its files, 10... further fields and values, one of them the queue; or none, to find out whether the job
--   would be created
-- Returns: the id of the job, or of the one that the form created; or the limit that is reached: 'waiting', 'active',
--   'owner_bytes' or 'bytes'; 'database' if one of its databases was removed; '' if the job would be created
local _, token, client, owner, most_waiting, most_active, most_owner_bytes, most_bytes, files = unpack(ARGV)
local token_key, client_key = 'token:' .. token, 'client:' .. client
local fields = {}
for i = 10, #ARGV, 2 do fields[ARGV[i]] = ARGV[i + 1] end
local bytes = counted(files, function(field) return #(fields[field] or '') end)

if get('state') then return job_id end
local created = token ~= '' and redis.call('GET', token_key)
if created and redis.call('EXISTS', 'job:' .. created) == 1 then return created end
if waiting_jobs() >= tonumber(most_waiting) then return 'waiting' end
if client ~= '' and redis.call('SCARD', client_key) >= tonumber(most_active) then return 'active' end
if owner ~= '' and bytes_of(owner) + bytes > tonumber(most_owner_bytes) then return 'owner_bytes' end
if bytes_of('all') + bytes > tonumber(most_bytes) then return 'bytes' end
if #ARGV == 9 then return '' end
local databases = names_of(fields.databases)
for _, name in ipairs(databases) do
  if redis.call('EXISTS', 'removed:' .. name) == 1 then return 'database' end
end

redis.call('HSET', key, 'state', 'PENDING', 'submitted', now, 'attempts', 0, 'bytes', bytes, unpack(ARGV, 10))
for _, name in ipairs(databases) do redis.call('SADD', 'named:' .. name, job_id) end
if token ~= '' then
  redis.call('SET', token_key, job_id)
  redis.call('HSET', key, 'token', token)  -- so that it is deleted with the job; an expiry depends on the clock
end
if client ~= '' then
  redis.call('HSET', key, 'client', client)
  redis.call('SADD', client_key, job_id)
end
if owner ~= '' then redis.call('HSET', key, 'owner', owner) end
count_bytes(bytes)
join_queue(client)
return job_id
