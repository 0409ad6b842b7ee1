#!lua flags=allow-oom
-- Let new jobs name a database that was removed recently.
--
-- ARGV: 1 '', 2 name of the database
-- Returns: nil
redis.call('DEL', 'removed:' .. ARGV[2])
