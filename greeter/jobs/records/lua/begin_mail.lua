#!lua flags=allow-oom
-- Begin to send an email. After this, it is sent again only if the server certainly did not accept it.
--
-- ARGV: 1 job id, 2 token of who has taken it, 3 seconds after which the outcome counts as unknown
-- Returns: 1, or 0 if another process has taken it, or it was deleted
local _, token, lease = unpack(ARGV)

if redis.call('HGET', 'mail:' .. job_id, 'token') ~= token then return 0 end
redis.call('HSET', key, 'mail', 'sending')
postpone_mail(job_id, lease)
return 1
