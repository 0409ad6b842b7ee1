#!lua flags=allow-oom
-- Store the outcome of an attempt to send an email, and delete its address, unless there will be another attempt. The
-- delays are 5 seconds, 10, 20, and so on.
--
-- ARGV: 1 job id, 2 token of who has taken it, 3 'sent', 'refused', 'failed', 'unknown', or 'delayed' if it was not
--   sent but may be later, 4 maximum of seconds between two attempts, 5 maximum of attempts
-- Returns: its new state; nil if another process has taken it, or it was deleted
local _, token, outcome, longest, most = unpack(ARGV)
local mail = 'mail:' .. job_id

if redis.call('HGET', mail, 'token') ~= token then return false end
local attempts = redis.call('HINCRBY', mail, 'attempts', 1)
if outcome == 'delayed' and attempts >= tonumber(most) then outcome = 'failed' end
redis.call('HSET', key, 'mail', outcome)
if outcome == 'delayed' then
  redis.call('HDEL', mail, 'token')
  postpone_mail(job_id, math.min(5 * 2 ^ (attempts - 1), longest))
else
  redis.call('DEL', mail)
  redis.call('ZREM', MAILS, job_id)
end
return outcome
