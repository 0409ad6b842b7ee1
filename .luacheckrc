-- Redis runs each script with prelude.lua in front, so its top-level locals are read-only names in all the others.
local PRELUDE = "greeter/jobs/lua/prelude.lua"

std = "lua51"
max_line_length = 120
read_globals = {"redis", "cjson", "KEYS", "ARGV"}
files[PRELUDE] = {ignore = {"211"}} -- unused in this file alone

local prelude = io.open(PRELUDE)
if prelude then
  for line in prelude:lines() do
    local names = line:match("^local function ([%w_]+)") or line:match("^local ([%w_, ]+)") or ""
    for name in names:gmatch("[%w_]+") do table.insert(read_globals, name) end
  end
  prelude:close()
end
