#!lua flags=allow-oom
-- Store how many bytes the files of a running job take.
--
-- ARGV: 1 job id, 2 worker, 3 process or '', 4 bytes, 5 maximum of bytes of one owner, 6 maximum of active jobs of one
--   client
-- Returns: 1 if they are more than before, and more than the share of one job, while the owner exceeds its maximum
local _, worker, process, bytes, most_owner_bytes, most_active = unpack(ARGV)

if not is_run_by(worker, process) then return 0 end
local before, owner = tonumber(get('bytes') or 0), get('owner')
set_bytes(bytes)
local after = tonumber(get('bytes'))
local has_grown = after > before and after * most_active > tonumber(most_owner_bytes)
local is_over = owner and bytes_of(owner) > tonumber(most_owner_bytes)
return has_grown and is_over and 1 or 0
