-- Starts that a key holds together: those of a period (throttle), or until nobody has asked for so long (debounce).
--@include holding
--@include event
--@include timer
--@include limit

-- Have a start that has not begun yet begin later, with what was asked for last. False where it has begun.
local function put_off(execution, plan_hash, kids, inputs, priority, metadata, pool, within, due, now)
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, '@st', '@held', '@pl', '@lim')
  if h[1] ~= 'scheduled' and not (h[1] == 'paused' and h[2]) then return false end
  if h[3] ~= plan_hash then
    hold(plan_hash, kids)
    let_go(h[3], now, 0)
  end
  redis.call('HSET', X, '@pl', plan_hash, '@pr', priority, '@meta', metadata, '@due', int(due))
  if h[4] then leave_pool(h[4], execution, now) end
  if pool ~= '' then redis.call('HSET', X, '@lim', pool) else redis.call('HDEL', X, '@lim') end
  if within then redis.call('HSET', X, '@within', within) else redis.call('HDEL', X, '@within') end
  redis.call('HSET', P .. 'o:' .. execution, '@in', inputs)
  event('B', execution .. '|' .. int(due) .. '|' .. plan_hash)
  if h[1] == 'scheduled' then set_timer('s|' .. execution, due, redis.call('HGET', P .. 'p:' .. plan_hash, 'queue')) end
  return true
end
