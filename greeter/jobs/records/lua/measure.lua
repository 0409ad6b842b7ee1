#!lua flags=allow-oom
-- Store how many bytes the files of a job take. May run at any time, and repeatedly.
--
-- ARGV: 1 job id, 2 bytes
-- Returns: nil
local _, bytes = unpack(ARGV)

if get('state') then set_bytes(bytes) end
