-- List the tools that workers have had recently.
--
-- ARGV: 1 '', 2 seconds
-- Returns: names and signatures of tools
local _, seconds = unpack(ARGV)
return redis.call('ZRANGEBYSCORE', TOOLS, now - seconds, now + CLOCK_TOLERANCE)
