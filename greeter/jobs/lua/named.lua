#!lua flags=allow-oom
-- Count the jobs that name a database.
--
-- ARGV: 1 '', 2 name of the database
-- Returns: how many
return named_by(ARGV[2])
