-- Find the job that a request has created.
--
-- ARGV: 1 '', 2 token of the request
-- Returns: the id of the job, or nil if there is none or it was deleted
local _, token = unpack(ARGV)

local created = redis.call('GET', 'token:' .. token)
return created and redis.call('EXISTS', 'job:' .. created) == 1 and created
