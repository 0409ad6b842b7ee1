#!lua flags=allow-oom
-- List jobs, at most 100, that ended long ago.
--
-- ARGV: 1 '', 2 seconds
-- Returns: job ids
local _, retention = unpack(ARGV)

return redis.call('ZRANGEBYSCORE', ENDED, '-inf', now - retention, 'LIMIT', 0, 100)
