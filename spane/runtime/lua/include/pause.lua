-- Pause an execution: nothing new starts. `along` says that it is paused with its parent, and resumed with it.
--@include event
--@include state
--@include tell_children
local function pause(execution, reason, along)
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, '@st', '@run', '@ch', '@pl')
  if not h[1] then return {'unknown'} end
  if h[1] ~= 'running' and h[1] ~= 'scheduled' then return {'illegal', h[1]} end
  redis.call('HSET', X, '@st', 'paused', '@pause', reason)
  -- One that has not begun is scheduled again by its resume, for the time that it was to begin at.
  if h[1] == 'scheduled' then redis.call('HSET', X, '@held', '1') end
  if along then redis.call('HSET', X, '@along', '1') end
  event('p', execution .. '|' .. reason)
  if h[2] ~= '0' then
    redis.call('XADD', P .. 'ctl', 'MAXLEN', '~', 10000, '*', 'n', 'pause|' .. execution)
    redis.call('PEXPIRE', P .. 'ctl', 600000)
  end
  if h[3] then tell_children(execution, h[4]) end
  return {'ok', tonumber(h[2])}
end
