#!lua flags=allow-oom
-- Resend the message of a waiting job after a worker took it but could not run it. The job keeps its place.
--
-- ARGV: 1 job id
-- Returns: nil
if is_waiting() then
  redis.call('ZREM', 'sent:' .. my_queue(), job_id)
  dispatch(my_queue())
end
