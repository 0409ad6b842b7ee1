#!lua flags=allow-oom
-- Delete the address for the email about a job, unless it is being sent or was sent.
--
-- ARGV: 1 job id
-- Returns: nil
local state = get('mail')
if state == 'asked' or state == 'delayed' then
  redis.call('HDEL', key, 'mail')
  redis.call('DEL', 'mail:' .. job_id)
  redis.call('ZREM', MAILS, job_id)
end
