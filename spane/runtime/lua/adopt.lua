#!lua
-- Say in which of the lanes `queue@fingerprint` nodes still wait for fitting code, and forget the others, so that workers
-- stop looking there.
-- KEYS  1 prefix      ARGV  1.. lanes
-- Returns the lanes that are not empty. Appends no event. Bound: the lanes given.
--@include queue
local waiting = {}
for _, lane in ipairs(ARGV) do
  local left = 0
  for p = 1, 10 do left = left + redis.call('LLEN', queue_key(lane, p)) end
  if left > 0 then waiting[#waiting + 1] = lane else redis.call('HDEL', P .. 'unfit', lane) end
end
return waiting
