-- Cancel an execution: nothing new starts; what runs may still commit, and the last of it ends the execution. What runs
-- in its children counts as its own, and is cancelled as well.
--@include finish
--@include state
-- The timers of what waits; of a large execution those that come first, and the others come to nothing when they are due.
local function drop_timers(execution, X)
  local fields, timers = redis.call('HSCAN', X, '0', 'COUNT', 200)[2], {}
  for i = 1, #fields, 2 do
    local letter, _, _, _, _, flag = read_state(fields[i + 1])
    local kind = letter == 'T' and 'n' or letter == 'A' and string.find(flag, '^t') and 'w'
    if kind and string.sub(fields[i], 1, 1) ~= '@' then timers[#timers + 1] = kind .. '|' .. execution .. '|' .. fields[i] end
  end
  if #timers > 0 then redis.call('ZREM', P .. 't', unpack(timers)) end
end

local function cancel(execution, reason, now, kept_ms, dead_kept_ms)
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, '@st', '@run', '@ch', '@pl')
  if not h[1] then return {'unknown'} end
  if h[1] ~= 'running' and h[1] ~= 'scheduled' and h[1] ~= 'paused' and h[1] ~= 'failing' then return {'illegal', h[1]} end
  if h[1] == 'scheduled' then redis.call('ZREM', P .. 't', 's|' .. execution) else drop_timers(execution, X) end
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
