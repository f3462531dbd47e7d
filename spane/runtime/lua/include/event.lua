-- Append one fact to the stream. `body` is its parts joined by '|' (spane/model/event.py has the table).
-- With an injected clock, entries carry its time, but never one before the last entry's: a stream only goes forward.
local function stamp(injected)
  if injected == '' then return end
  local last = redis.call('XREVRANGE', P .. 'ev', '+', '-', 'COUNT', 1)[1]
  local ms = last and tonumber(string.match(last[1], '^%d+')) or 0
  call.stamp = string.format('%.0f-*', math.max(ms, tonumber(injected)))
end

local function event(letter, body)
  return redis.call('XADD', P .. 'ev', call.stamp or '*', letter, body)
end
