-- Resume a paused execution: offer again what was put aside. One that has not begun is scheduled again for its time; one
-- in which a node failed meanwhile fails; one with nothing left to do completes.
--@include queue
--@include release
--@include offer
--@include finish
--@include timer
local function resume(execution, now, kept_ms, dead_kept_ms)
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, '@st', '@pl', '@pr', '@open', '@run', '@bad', '@held', '@due', '@ch')
  local status, plan, open, run, bad = h[1], h[2], h[4], h[5], h[6]
  if not status then return {'unknown'} end
  if status ~= 'paused' then return {'illegal', status} end
  event('u', execution)
  redis.call('HDEL', X, '@held', '@pause', '@along')
  if h[7] then
    redis.call('HSET', X, '@st', 'scheduled')
    set_timer('s|' .. execution, h[8] or now, redis.call('HGET', P .. 'p:' .. plan, 'queue') or 'default')
    return {'ok', 'scheduled'}
  end
  if bad and run ~= '0' then
    if h[9] then tell_children(execution, plan) end
    redis.call('HSET', X, '@st', 'failing')
    event('G', execution .. '|' .. bad)
    return {'ok', 'failing'}
  end
  if bad or open == '0' then
    local ended, tail = end_of(X)
    return {'ok', finish(execution, ended, now, kept_ms, dead_kept_ms, {}, tail)}
  end
  redis.call('HSET', X, '@st', 'running')
  if h[9] then tell_children(execution, plan) end
  offer(execution, plan, h[3], now)
  return {'ok', 'running'}
end
