--@include event
--@include state
-- Take in a hint whose execution is not running: its node is put aside where it may come back, and left where it never will.
local function park(execution, node, status, failures, crashes, flag, now)
  if not may_come_back(status) then return end
  redis.call('HSET', P .. 'x:' .. execution, node, state('P', '', failures, crashes, now, flag))
  put_aside(execution, 'node|' .. node, status)
  event('k', execution .. '|' .. node .. '|the execution is ' .. status)
end
