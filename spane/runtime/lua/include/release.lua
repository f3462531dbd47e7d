-- Offer the targets of one chunk of a plan's child list. A target is `node,queue,priority,delay`, due at once; or
-- `@group,need,bit`, a join: the arrival is one bit, and the group is due with its last one. A trailing '+' says
-- that another chunk follows. Children are written to `fields` (for one HSET of x:<execution>), not to Redis.
-- Returns: ready targets (queued later by `enqueue`), and the cursors of what is left for `spread`.
local CHUNK = 500

local function add_targets(text, ready)
  for node, queue, priority, delay in string.gmatch(text, '([^,;]+),([^,;]+),(%d*),(%d+);') do
    ready[#ready + 1] = {node, queue, priority, tonumber(delay)}
  end
  return string.sub(text, -1) == '+'
end

local function release(execution, plan, text, own_cursor, ready, cursors)
  local X = P .. 'x:' .. execution
  local more = add_targets(text, ready)
  for group, need, bit in string.gmatch(text, '@(%d+),(%d+),(%d+);') do
    if redis.call('SETBIT', P .. 'j:' .. execution, bit, 1) == 0
        and redis.call('HINCRBY', X, '@a' .. group, 1) == tonumber(need) then
      if #ready >= CHUNK then
        cursors[#cursors + 1] = execution .. '|m:' .. group .. '|0'
      elseif add_targets(redis.call('HGET', plan, 'm:' .. group), ready) then
        cursors[#cursors + 1] = execution .. '|m:' .. group .. '|1'
      end
    end
  end
  if more then cursors[#cursors + 1] = own_cursor end
end

-- Queue what is ready: due ones as hints (one RPUSH a list), delayed ones as timers. Adds their states to `fields`.
local function enqueue(execution, ready, priority, now, fields)
  local lists, order = {}, {}
  for _, target in ipairs(ready) do
    local node, queue, own, delay = target[1], target[2], target[3], target[4]
    fields[#fields + 1] = node
    if delay > 0 then
      fields[#fields + 1] = state('T', '', 0, 0, now + delay, '')
      redis.call('ZADD', P .. 't', int(now + delay), 'n|' .. execution .. '|' .. node)
    else
      fields[#fields + 1] = state('Q', '', 0, 0, now, '')
      local key = queue_key(queue, own ~= '' and own or priority)
      if not lists[key] then lists[key] = {}; order[#order + 1] = {key, queue} end
      local list = lists[key]
      list[#list + 1] = execution .. '|' .. node
    end
  end
  for _, entry in ipairs(order) do
    local list = lists[entry[1]]
    for first = 1, #list, CHUNK do
      redis.call('RPUSH', entry[1], unpack(list, first, math.min(first + CHUNK - 1, #list)))
    end
    wake(entry[2])
  end
end
