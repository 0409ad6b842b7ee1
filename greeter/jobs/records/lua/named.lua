#!lua flags=allow-oom
-- Count the jobs that name a database.
--
-- ARGV: 1 '', 2 name of the database
-- Returns: how many
local _, name = unpack(ARGV)
return named_by(name)
