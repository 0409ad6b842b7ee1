#!lua flags=allow-oom
-- Store the outcome of an attempt to send a mail, and delete its address, unless it is tried again, after 5
-- seconds, 10, 20, and so on.
--
-- ARGV: 1 job id, 2 token of who has taken it, 3 'sent', 'refused', 'failed', 'unknown', or 'delayed' if it was not
--   sent but may be later, 4 maximum of seconds between two attempts, 5 seconds after the end of the job from which on
--   it is not tried again
-- Returns: its new state; nil if another process has taken it, or it was deleted
local _, token, outcome, longest, give_up = unpack(ARGV)
local mail = 'mail:' .. job_id

if redis.call('HGET', mail, 'token') ~= token then return false end
if outcome == 'delayed' and is_older(get('ended'), give_up) then outcome = 'failed' end
redis.call('HSET', key, 'mail', outcome)
if outcome == 'delayed' then
  local delay = math.min(5 * 2 ^ redis.call('HINCRBY', mail, 'attempts', 1) / 2, longest)
  redis.call('HDEL', mail, 'token')
  postpone_mail(job_id, delay)
else
  redis.call('DEL', mail)
  redis.call('ZREM', MAILS, job_id)
end
return outcome
