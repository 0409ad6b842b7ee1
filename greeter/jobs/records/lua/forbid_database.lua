#!lua flags=allow-oom
-- Refuse new jobs that name a database, unless a job names it already.
--
-- ARGV: 1 '', 2 name of the database, 3 seconds: more than a submission takes
-- Returns: how many jobs name it
local _, name, seconds = unpack(ARGV)
local jobs = named_by(name)
if jobs == 0 then redis.call('SET', 'removed:' .. name, '', 'EX', seconds) end
return jobs
