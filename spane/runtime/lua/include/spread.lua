-- Advance the oldest cursor by one chunk: children, members of a join, or entry nodes that were too many for the
-- transition that released them. A cursor is `execution|field|chunk`, the field being one of the plan's, or `k` for what
-- was put aside and is offered again.
-- In a replay, children whose results were kept are not offered.
local function not_kept(X, ready)
  local left = {}
  for _, target in ipairs(ready) do
    if redis.call('HEXISTS', X, target[1]) == 0 then left[#left + 1] = target end
  end
  return left
end

local function spread(now)
  local cursor = redis.call('LPOP', P .. 'sp')
  if not cursor then return false end
  local execution, field, chunk = string.match(cursor, '^([^|]+)|([^|]+)|(%d+)$')
  if not execution then return true end
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, '@st', '@pl', '@pr', '@open', '@kept')
  if field == 'k' then
    -- What stops meanwhile keeps the rest in its list.
    if h[1] == 'running' then offer(execution, h[2], h[3], now) end
    return true
  end
  if h[1] == 'failing' or h[1] == 'failed' or h[1] == 'paused' then
    put_aside(execution, 'cursor|' .. cursor, h[1])
    return true
  end
  if h[1] ~= 'running' then return true end
  local plan = P .. 'p:' .. h[2]
  local text = redis.call('HGET', plan, chunk == '0' and field or field .. ':' .. chunk)
  if not text then
    redis.call('ZADD', P .. 't', int(now + 1000), 'c|' .. cursor)
    plan_is_gone(execution, '', h[2])
    return true
  end
  local ready, cursors, fields = {}, {}, {}
  release(execution, plan, text, execution .. '|' .. field .. '|' .. int(chunk + 1), ready, cursors)
  if h[5] then ready = not_kept(X, ready) end
  enqueue(execution, ready, h[3], now, fields)
  for _, another in ipairs(cursors) do redis.call('RPUSH', P .. 'sp', another) end
  fields[#fields + 1] = '@open'; fields[#fields + 1] = int(h[4] + #ready + #cursors - 1)
  write_fields(X, fields)
  return true
end
