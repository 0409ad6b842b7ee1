#!lua flags=allow-oom
-- List the waiting jobs whose messages are missing from the broker's list, and move them to the end of the queue, where
-- their new messages will be.
--
-- ARGV: 1 '', 2 the broker's list, 3 seconds that a job must have waited
-- Returns: job ids
local _, broker_list, min_wait = unpack(ARGV)

-- A score in the future is from before the clock was set back.
local waiting = redis.call('ZRANGEBYSCORE', WAITING, '-inf', now - min_wait)
for _, job in ipairs(redis.call('ZRANGEBYSCORE', WAITING, now + CLOCK_TOLERANCE, '+inf')) do
  waiting[#waiting + 1] = job
end
if #waiting == 0 then return waiting end
local sent, lost = {}, {}
for _, message in ipairs(redis.call('LRANGE', broker_list, 0, -1)) do
  sent[string.match(message, '"correlation_id": "(%x+)"') or ''] = true
end
for _, job in ipairs(waiting) do
  if not sent[job] then
    lost[#lost + 1] = job
    redis.call('ZADD', WAITING, end_of_queue(), job)
  end
end
return lost
