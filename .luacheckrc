-- Redis runs each script with these in front, so their top-level locals are read-only names in all the others.
local SHARED = {"prelude", "queue", "finish", "databases", "bytes"}

std = "lua51"
max_line_length = 120
read_globals = {"redis", "cjson", "KEYS", "ARGV"}

for _, name in ipairs(SHARED) do
  local path = "greeter/jobs/records/lua/" .. name .. ".lua"
  files[path] = {ignore = {"211"}} -- unused in this file alone
  local file = io.open(path)
  for line in file and file:lines() or function() end do
    local names = line:match("^local function ([%w_]+)") or line:match("^local ([%w_, ]+)") or ""
    for local_name in names:gmatch("[%w_]+") do table.insert(read_globals, local_name) end
  end
end
