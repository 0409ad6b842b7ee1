#!lua flags=allow-oom
-- Let new jobs name a database that was removed recently.
--
-- ARGV: 1 '', 2 name of the database
-- Returns: nil
local _, name = unpack(ARGV)
redis.call('DEL', 'removed:' .. name)
