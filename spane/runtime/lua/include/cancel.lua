-- Cancel an execution: nothing new starts; what runs may still commit, and the last of it ends the execution. What runs
-- in its children counts as its own, and is cancelled as well.
--@include finish
local function cancel(execution, reason, now, kept_ms, dead_kept_ms)
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, '@st', '@run', '@ch', '@pl')
  if not h[1] then return {'unknown'} end
  if h[1] ~= 'running' and h[1] ~= 'scheduled' and h[1] ~= 'paused' and h[1] ~= 'failing' then return {'illegal', h[1]} end
  if h[1] == 'scheduled' then redis.call('ZREM', P .. 't', 's|' .. execution) end
  if h[2] == '0' then
    finish(execution, 'cancelled', now, kept_ms, dead_kept_ms, {'@why', reason}, reason)
  else
    redis.call('HSET', X, '@st', 'cancelling', '@why', reason)
    event('Y', execution .. '|' .. reason)
    redis.call('XADD', P .. 'ctl', 'MAXLEN', '~', 10000, '*', 'n', 'cancel|' .. execution .. '|' .. reason)
    redis.call('PEXPIRE', P .. 'ctl', 600000)
    if h[3] then tell_children(execution, h[4]) end
  end
  return {'ok', tonumber(h[2])}
end
