#!lua flags=allow-oom
-- Take an email that has to be sent. No other process takes it for a while, unless the clock is set back, and then
-- begin_mail.lua lets only one of them send it. If a process is lost while it sends an email, the outcome is unknown.
--
-- ARGV: 1 '', 2 a new token of who takes it, 3 seconds for which it is taken, 4 maximum of seconds that an email waits
-- Returns: the job id, the email address and the address of the job's page; nil if there is nothing to send
local _, token, lease, longest = unpack(ARGV)

-- Returns the email if it has to be sent. Otherwise, it can no longer be sent.
local function take(job)
  local record, mail = 'job:' .. job, 'mail:' .. job
  local address, page = unpack(redis.call('HMGET', mail, 'address', 'page'))
  local state = address and redis.call('HGET', record, 'mail')
  if state and state ~= 'sending' then
    redis.call('HSET', mail, 'token', token)
    postpone_mail(job, lease)
    return {job, address, page}
  end
  if state then redis.call('HSET', record, 'mail', 'unknown') end
  redis.call('DEL', mail)
  redis.call('ZREM', MAILS, job)
end

for _, range in ipairs({{'-inf', now + longest}, {now + longest, '+inf'}}) do
  local reply = redis.call('ZRANGEBYSCORE', MAILS, range[1], range[2], 'WITHSCORES', 'LIMIT', 0, 100)
  for i = 1, #reply, 2 do
    local since, due = redis.call('HGET', 'mail:' .. reply[i], 'since'), tonumber(reply[i + 1])
    if due <= now or due > now + longest or tonumber(since or 0) > now + CLOCK_TOLERANCE then
      local taken = take(reply[i])
      if taken then return taken end
    end
  end
end
return false
