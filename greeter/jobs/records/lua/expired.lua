#!lua flags=allow-oom
-- List at most 100 jobs whose retention time is over. Called every few seconds.
--
-- If the clock has jumped since the last call, it is not trusted for an hour, so that an operator, or the next jump,
-- can correct the clock before results are deleted. The same applies after an hour without workers.
-- The retention time of jobs that ended while the clock was set back, or in the hour before or after, starts when the
-- clock is corrected.
--
-- ARGV: 1 '', 2 seconds
-- Returns: job ids; nil if the clock is not trusted
local _, retention = unpack(ARGV)
local PAUSE = 3600

local last, trusted_from, back_from, back_to = unpack(
  redis.call('HMGET', CLOCK, 'last', 'trusted_from', 'back_from', 'back_to')
)
local elapsed = now - (last or now)
trusted_from = math.min(trusted_from or 0, now + PAUSE)
if elapsed < -CLOCK_TOLERANCE or elapsed > PAUSE then trusted_from = now + PAUSE end
redis.call('HSET', CLOCK, 'last', now, 'trusted_from', trusted_from)
if elapsed < -CLOCK_TOLERANCE then
  local from, to = math.max(back_from or last, last), math.min(back_to or now, now - PAUSE)
  redis.call('HSET', CLOCK, 'back_from', from, 'back_to', to)
elseif back_from and now > back_from - PAUSE then
  if elapsed > PAUSE then  -- it was corrected; otherwise, time has passed
    for _, job in ipairs(redis.call('ZRANGEBYSCORE', ENDED, back_to, last + PAUSE)) do
      redis.call('ZADD', ENDED, now, job)
    end
  end
  redis.call('HDEL', CLOCK, 'back_from', 'back_to')
end
if now < trusted_from then return false end
local expired = {}
for _, job in ipairs(redis.call('ZRANGEBYSCORE', ENDED, '-inf', now - retention, 'LIMIT', 0, 100)) do
  if redis.call('EXISTS', 'job:' .. job) == 1 then
    expired[#expired + 1] = job
  else
    redis.call('ZREM', ENDED, job)  -- its record was deleted by hand
  end
end
return expired
