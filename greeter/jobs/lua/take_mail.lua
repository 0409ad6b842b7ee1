#!lua flags=allow-oom
-- Take a mail that has to be sent. Nobody else takes it for a while, unless the clock jumps; begin_mail.lua decides.
-- If a process has begun to send a mail, and was lost before it knew the outcome, nobody will know it.
--
-- ARGV: 1 '', 2 a new token of who takes it, 3 seconds for which it is taken, 4 seconds after which a stamp is from
--   before the clock was set back
-- Returns: the job id, the mail address and the address of the job's page; nil if there is nothing to send
local _, token, lease, longest = unpack(ARGV)

for _, range in ipairs({{'-inf', now}, {now + longest, '+inf'}}) do
  for _, job in ipairs(redis.call('ZRANGEBYSCORE', MAILS, range[1], range[2], 'LIMIT', 0, 100)) do
    local record, mail = 'job:' .. job, 'mail:' .. job
    local address, page = unpack(redis.call('HMGET', mail, 'address', 'page'))
    local state = address and redis.call('HGET', record, 'mail')
    if state and state ~= 'sending' then
      redis.call('HSET', mail, 'token', token)
      redis.call('ZADD', MAILS, now + lease, job)
      return {job, address, page}
    end
    if state then redis.call('HSET', record, 'mail', 'unknown') end
    redis.call('DEL', mail)
    redis.call('ZREM', MAILS, job)
  end
end
return false
