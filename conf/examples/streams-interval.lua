-- Counts records by key; sends the counts on at every interval and begins anew.
local counts = {}

function process(record)
  local key = record.key or ""
  counts[key] = (counts[key] or 0) + 1
end

function punctuate(now, type)
  for key, count in pairs(counts) do
    forward({key = key, value = count, timestamp = now})
  end
  counts = {}
end
