-- Prepended to all scripts but read and heartbeat, after databases.lua: how many bytes a job takes.

-- Returns the bytes that an owner keeps, or all jobs.
local function bytes_of(whose) return tonumber(redis.call('HGET', BYTES, whose) or 0) end

-- Adds to the bytes that all jobs keep, and to those that the owner of this one keeps.
local function count_bytes(change)
  for _, whose in ipairs({'all', get('owner')}) do
    if whose and redis.call('HINCRBY', BYTES, whose, change) <= 0 then redis.call('HDEL', BYTES, whose) end
  end
end

-- Returns how many bytes count for a job: those of its files, and of its record beyond a block. `length` returns the
-- length of a field, which a visitor or a tool can make large.
local function counted(bytes, length)
  local record = -4096
  for _, field in ipairs({'params', 'filenames', 'checksums', 'progress', 'result', 'traceback'}) do
    record = record + length(field)
  end
  return bytes + math.max(record, 0)
end

-- Stores how many bytes the files and the record of the job take, given those of the files.
local function set_bytes(bytes)
  local before = get('bytes') or 0
  local new = counted(bytes, function(field) return redis.call('HSTRLEN', key, field) end)
  if tonumber(before) == new then return end
  count_bytes(new - before)
  redis.call('HSET', key, 'bytes', new)
end
