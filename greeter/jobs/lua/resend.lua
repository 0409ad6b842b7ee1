#!lua flags=allow-oom
-- Send the message of a waiting job again, whose worker has taken it but cannot run the job. Its place is the same.
--
-- ARGV: 1 job id
-- Returns: nil
if phase() == 'waiting' then
  redis.call('ZREM', 'sent:' .. my_queue(), job_id)
  dispatch(my_queue())
end
