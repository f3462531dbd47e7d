-- Offer the targets of one chunk of a plan's child list, of a node that ran or was skipped. A target is
-- `node,queue,priority,delay,how;`, decided at once; or `@group:need:data:bit:how;`, a join: the arrival is one bit, and
-- the group is decided with its last one; `data` is how many of its parents feed it. A trailing '+' says that another
-- chunk follows. Nothing but arrivals is written to Redis here: children go to `fields` (one HSET of x:<execution>).
--
--   how   d: the parent feeds the child, a: it only comes before, g: it only decides on a gate; then +branch for each
--         gate on this parent
--   came  what became of the parent: {ran, open, route}. `open` are the branches that are open, `,b1,b2,`; `route` the
--         children that a router chose, '' for all
--   out   what is found: `ready` targets (queued later by `enqueue`), `skipped` node ids (spread by `skip`), `cursors`
--         of what is left for `spread`; `skips` says whether any edge of this execution was ever dead or closed
--@include event
--@include queue
--@include state
local CHUNK = 500
local RAN = {ran = true, open = '', route = ''}
local SKIPPED = {ran = false, open = '', route = ''}

local function found(skips)
  return {ready = {}, skipped = {}, cursors = {}, skips = skips}
end

local function is_closed(came, gates, child)
  if came.route ~= '' and not string.find(came.route, ',' .. child .. ',', 1, true) then return true end
  for branch in string.gmatch(gates, '%+([^+]+)') do
    if not came.ran or not string.find(came.open, ',' .. branch .. ',', 1, true) then return true end
  end
  return false
end

local function add_members(text, out, skipped)
  for node, queue, priority, delay in string.gmatch(text, '([^,;]+),([^,;]+),(%d*),(%d+),[^,;]*;') do
    if skipped then out.skipped[#out.skipped + 1] = node
    else out.ready[#out.ready + 1] = {node, queue, priority, tonumber(delay)} end
  end
  return string.sub(text, -1) == '+'
end

-- The members of a group whose last parent has arrived: from its first chunk on, the others by cursor.
local function add_group(execution, plan, group, out, skipped)
  local field = (skipped and 'n:' or 'm:') .. group
  if #out.ready + #out.skipped >= CHUNK then
    out.cursors[#out.cursors + 1] = execution .. '|' .. field .. '|0'
  elseif add_members(redis.call('HGET', plan, 'm:' .. group), out, skipped) then
    out.cursors[#out.cursors + 1] = execution .. '|' .. field .. '|1'
  end
end

local function group_is_skipped(X, group, data)
  local counts = redis.call('HMGET', X, '@s' .. group, '@x' .. group)
  return counts[2] or (data > 0 and tonumber(counts[1] or 0) >= data)
end

local function arrive(execution, X, plan, came, out, group, need, data, bit, how, gates)
  if redis.call('SETBIT', P .. 'j:' .. execution, bit, 1) == 1 then return end
  local dead, closed = not came.ran and how == 'd', false
  if gates ~= '' or came.route ~= '' then
    local member = came.route ~= '' and string.match(redis.call('HGET', plan, 'm:' .. group), '^[^,]+')
    closed = is_closed(came, gates, member)
  end
  if closed then redis.call('HSET', X, '@x' .. group, '1', '@sk', '1'); out.skips = true
  elseif dead then redis.call('HINCRBY', X, '@s' .. group, 1); redis.call('HSET', X, '@sk', '1'); out.skips = true end
  if redis.call('HINCRBY', X, '@a' .. group, 1) == tonumber(need) then
    add_group(execution, plan, group, out, out.skips and group_is_skipped(X, group, tonumber(data)))
  end
end

local function release(execution, plan, text, own_cursor, came, out)
  local X = P .. 'x:' .. execution
  local ready, plain = out.ready, came.ran and came.route == ''
  for node, queue, priority, delay, how, gates in string.gmatch(text, '([^,;]+),([^,;]+),(%d*),(%d+),(%a)([^,;]*);') do
    if (plain and gates == '') or not (is_closed(came, gates, node) or (how == 'd' and not came.ran)) then
      ready[#ready + 1] = {node, queue, priority, tonumber(delay)}
    else
      out.skipped[#out.skipped + 1] = node
    end
  end
  for group, need, data, bit, how, gates in string.gmatch(text, '@(%d+):(%d+):(%d+):(%d+):(%a)([^:;]*);') do
    arrive(execution, X, plan, came, out, group, need, data, bit, how, gates)
  end
  if string.sub(text, -1) == '+' then out.cursors[#out.cursors + 1] = own_cursor end
end

-- Skip what was found to be skipped, and whatever follows from that, as far as one transition goes; the rest by cursor.
local function skip(execution, plan, out, fields, now)
  local at, first = 1, #fields
  while at <= #out.skipped do
    local node = out.skipped[at]
    if at > CHUNK or #out.ready >= CHUNK then
      out.cursors[#out.cursors + 1] = execution .. '|x:' .. node .. '|0'
    else
      fields[#fields + 1] = node
      fields[#fields + 1] = state('S', '', 0, 0, now, '')
      local text = redis.call('HGET', plan, 'c:' .. node)
      if text then release(execution, plan, text, execution .. '|y:' .. node .. '|1', SKIPPED, out) end
    end
    at = at + 1
  end
  out.told = {}
  for i = first + 1, #fields, 2 do out.told[#out.told + 1] = fields[i] end
end

local function tell_skipped(execution, out)
  if out.told and #out.told > 0 then event('v', execution .. '|' .. table.concat(out.told, ',')) end
end

-- Queue what is ready: due ones as hints (one RPUSH a list), delayed ones as timers; and write the cursors. Adds the
-- nodes' states to `fields`; what comes in a lane `queue?` is a node whose limit goes by a key (include/queue.lua).
local function enqueue(execution, out, priority, now, fields)
  local lists, order = {}, {}
  for _, target in ipairs(out.ready) do
    local node, queue, own, delay = target[1], target[2], target[3], target[4]
    local flag = string.byte(queue, -1) == 63 and UNSORTED or ''
    fields[#fields + 1] = node
    if delay > 0 then
      fields[#fields + 1] = state('T', '', 0, 0, now + delay, flag)
      redis.call('ZADD', P .. 't', int(now + delay), 'n|' .. execution .. '|' .. node)
    else
      fields[#fields + 1] = state('Q', '', 0, 0, now, flag)
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
  for _, cursor in ipairs(out.cursors) do redis.call('RPUSH', P .. 'sp', cursor) end
end
