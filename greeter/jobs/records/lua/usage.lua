-- Read how much of the limits one client uses, and all clients together.
--
-- ARGV: 1 '', 2 client, 3 owner (a hash of the client)
-- Returns: active jobs and bytes of the client, waiting jobs and bytes of all clients
local _, client, owner = unpack(ARGV)

return {redis.call('SCARD', 'client:' .. client), bytes_of(owner), waiting_jobs(), bytes_of('all')}
