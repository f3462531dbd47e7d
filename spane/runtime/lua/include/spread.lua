-- Advance the oldest cursors by about one chunk: what was too much for the transition that released it. A cursor is
-- `execution|what|chunk`, with `|open|route` behind it where children of a node that ran are left:
--   roots, c:<node>   entry nodes; children of a node that ran
--   y:<node>          children of a node that was skipped        x:<node>   a node to be skipped
--   m:<group>         members of a join that run                 n:<group>  members that are skipped
--   i:<map>           items of a map     k  what was put aside and is offered again
--   children          children that follow their parent (include/children.lua)
--@include offer
--@include release
--@include plan
--@include items
--@include children
local function cursor_targets(plan, what, chunk)
  local kind, name = string.match(what, '^(%a):(.*)$')
  local field = kind == 'y' and 'c:' .. name or kind == 'n' and 'm:' .. name or what
  return kind, name, redis.call('HGET', plan, chunk == '0' and field or field .. ':' .. chunk)
end

-- In a replay, children whose results were kept are neither offered nor skipped.
local function not_kept(X, out)
  local ready, skipped = {}, {}
  for _, target in ipairs(out.ready) do
    if redis.call('HEXISTS', X, target[1]) == 0 then ready[#ready + 1] = target end
  end
  for _, node in ipairs(out.skipped) do
    if redis.call('HEXISTS', X, node) == 0 then skipped[#skipped + 1] = node end
  end
  out.ready, out.skipped = ready, skipped
end

-- Returns how many nodes it came upon, at least 1; false without a cursor.
local function advance(now, kept_ms, dead_kept_ms)
  local cursor = redis.call('LPOP', P .. 'sp')
  if not cursor then return false end
  local execution, what, chunk, open, route = string.match(cursor, '^([^|]+)|([^|]+)|(%d+)|?([^|]*)|?([^|]*)$')
  if not execution then return 1 end
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, '@st', '@pl', '@pr', '@open', '@sk', '@kept')
  if what == 'k' then
    -- What stops meanwhile keeps the rest in its list.
    if h[1] == 'running' then offer(execution, h[2], h[3], now) end
    return CHUNK
  end
  if what == 'children' then
    follow_parent(execution, chunk, now, kept_ms, dead_kept_ms)
    return CHUNK
  end
  if may_come_back(h[1]) then
    put_aside(execution, 'cursor|' .. cursor, h[1])
    return 1
  end
  if h[1] ~= 'running' then return 1 end
  local plan = P .. 'p:' .. h[2]
  local kind, name, text = cursor_targets(plan, what, chunk)
  if redis.call('HEXISTS', plan, 'total') == 0 then
    redis.call('ZADD', P .. 't', int(now + 1000), 'c|' .. cursor)
    plan_is_gone(execution, '', h[2])
    return 1
  end
  local out, fields = found(h[5]), {}
  local next_chunk = execution .. '|' .. what .. '|' .. int(chunk + 1)
  if kind == 'x' then
    out.skipped[1] = name
  elseif kind == 'm' or kind == 'n' then
    if add_members(text, out, kind == 'n') then out.cursors[1] = next_chunk end
  elseif kind == 'i' then
    local m = read_map(X, name)
    if m then
      add_items(execution, name, m, h[2], CHUNK, out)
      write_map(name, m, fields)
    end
  elseif kind == 'y' then
    release(execution, plan, text, next_chunk, SKIPPED, out)
  else
    local came = {ran = true, open = open, route = route}
    release(execution, plan, text, next_chunk .. '|' .. open .. '|' .. route, came, out)
  end
  if h[6] then not_kept(X, out) end
  skip(execution, plan, out, fields, now)
  tell_skipped(execution, out)
  enqueue(execution, out, h[3], now, fields)
  local left = h[4] + #out.ready + #out.cursors - 1
  fields[#fields + 1] = '@open'; fields[#fields + 1] = int(left)
  if left == 0 then
    local ended, tail = end_of(X)
    finish(execution, ended, now, kept_ms, dead_kept_ms, fields, tail)
  else
    write_fields(X, fields)
  end
  return math.max(1, #fields / 2)
end

local function spread(now, kept_ms, dead_kept_ms)
  local moved, work = false, 0
  while work < CHUNK do
    local came_upon = advance(now, kept_ms, dead_kept_ms)
    if not came_upon then return moved end
    moved, work = true, work + came_upon
  end
  return moved
end
