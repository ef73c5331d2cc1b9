-- Counts records by key; sends the counts on at every interval and begins anew.
local counts = {}

function process(record)
  local key = record.key or ""
  counts[key] = (counts[key] or 0) + 1
end

-- In the order of the keys: Lua's own order differs from run to run.
function punctuate(now, type)
  local keys = {}
  for key in pairs(counts) do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do
    forward({key = key, value = counts[key], timestamp = now})
  end
  counts = {}
end
