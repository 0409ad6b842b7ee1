#!lua flags=allow-oom
-- Begin to send a mail. From here on, it is never sent again, unless the process that sends it knows that it was not.
--
-- ARGV: 1 job id, 2 token of who has taken it, 3 seconds after which nobody will know the outcome
-- Returns: 1, or 0 if another process has taken it, or it was deleted
local _, token, lease = unpack(ARGV)

if redis.call('HGET', 'mail:' .. job_id, 'token') ~= token then return 0 end
redis.call('HSET', key, 'mail', 'sending')
postpone_mail(job_id, lease)
return 1
