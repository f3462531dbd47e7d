-- Take in a hint whose execution is not running: its node is put aside where it may come back, and left where it never will.
local function park(execution, node, status, failures, crashes, flag, now)
  if status ~= 'failing' and status ~= 'failed' and status ~= 'paused' and status ~= 'compensating' then return end
  redis.call('HSET', P .. 'x:' .. execution, node, state('P', '', failures, crashes, now, flag))
  put_aside(execution, 'node|' .. node, status)
  event('k', execution .. '|' .. node .. '|the execution is ' .. status)
end
