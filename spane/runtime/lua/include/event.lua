-- Append one fact to the stream. `body` is its parts joined by '|' (spane/model/event.py has the table).
local STAMP = '*'
local function event(letter, body)
  return redis.call('XADD', P .. 'ev', STAMP, letter, body)
end
