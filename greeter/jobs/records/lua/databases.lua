-- Prepended to all scripts but read and heartbeat, after finish.lua: the reference databases that they name.

-- Returns the names of databases, such as 'swissprot/2026_04', given the field of a record (JSON) or nil.
local function names_of(databases)
  local names = {}
  for _, about in pairs(cjson.decode(databases or '{}')) do table.insert(names, about.id .. '/' .. about.version) end
  return names
end

-- Returns how many jobs name a database, after forgetting those whose record was deleted by hand.
local function named_by(name)
  for _, job in ipairs(redis.call('SMEMBERS', 'named:' .. name)) do
    if redis.call('EXISTS', 'job:' .. job) == 0 then redis.call('SREM', 'named:' .. name, job) end
  end
  return redis.call('SCARD', 'named:' .. name)
end
