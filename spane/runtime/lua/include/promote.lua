-- Queue what is due: retries and delays (`n|execution|node`), nodes that await something no longer (`w|execution|node`),
-- scheduled starts (`s|execution`), cursors that found no plan (`c|cursor`), what a limit lets go on (`l|pool`),
-- deadlines (`d|execution`), and breakers (`b|name`).
-- Starts that came due together stop at about one chunk of entry nodes; what is left stays due.
-- Returns the milliseconds until the next timer, or -1.
--@include release
--@include rouse
--@include breaker
--@include plan
--@include limit
--@include deadline
--@include due

-- `within` is the deadline that its start gave it, nil for that of its plan.
local function begin(execution, X, plan, priority, now, within)
  local out, fields = found(false), {}
  local roots, deadline = unpack(redis.call('HMGET', plan, 'roots', 'deadline'))
  if not roots then
    plan_is_gone(execution, '', redis.call('HGET', X, '@pl'))
    return 0
  end
  release(execution, plan, roots, execution .. '|roots|1', RAN, out)
  enqueue(execution, out, priority, now, fields)
  fields[#fields + 1] = '@st'; fields[#fields + 1] = 'running'
  fields[#fields + 1] = '@open'; fields[#fields + 1] = int(#out.ready + #out.cursors)
  deadline = within or deadline
  if deadline then set_deadline(execution, deadline, plan, now, fields) end
  write_fields(X, fields)
  return #out.ready
end

local function promote_node(execution, node, now)
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, node, '@st', '@pl', '@pr')
  if not h[1] then return end
  local letter, _, failures, crashes, _, flag = read_state(h[1])
  if letter ~= 'T' then return end
  if may_start(h[2], node) then
    local _, _, queue, own = read_profile(profile_of(h[3], node))
    redis.call('HSET', X, node, state('Q', '', failures, crashes, now, flag))
    line_up(lane_of(queue, flag), own ~= '' and own or h[4], execution .. '|' .. node)
  elseif may_come_back(h[2]) then
    redis.call('HSET', X, node, state('P', '', failures, crashes, now, flag))
    put_aside(execution, 'node|' .. node, h[2])
  end
end

-- Do what a timer that is not a node's was set for; returns how many nodes that released.
local function promote_other(timer, kind, execution, now, kept_ms, dead_kept_ms)
  redis.call('ZREM', P .. 't', timer)
  if kind == 's' then
    local X = P .. 'x:' .. execution
    local h = redis.call('HMGET', X, '@st', '@pl', '@pr', '@lim', '@within')
    if h[1] == 'scheduled' and (not h[4] or may_begin(execution, h[4], h[3], now)) then
      return begin(execution, X, P .. 'p:' .. h[2], h[3], now, h[5] or nil)
    end
  elseif kind == 'l' then
    return end_rest(execution, now)
  elseif kind == 'd' then
    overrun(execution, now, kept_ms, dead_kept_ms)
  elseif kind == 'b' then
    tend_breaker(execution, now)
  elseif kind == 'c' then
    redis.call('RPUSH', P .. 'sp', string.sub(timer, 3))
  end
  return 0
end

local function promote(now, most, kept_ms, dead_kept_ms)
  local due = redis.call('ZRANGEBYSCORE', P .. 't', '-inf', int(now), 'LIMIT', 0, most)
  local released, of_nodes = 0, {}
  for _, timer in ipairs(due) do
    if string.find(timer, '^[nw]') then of_nodes[#of_nodes + 1] = timer end
  end
  if #of_nodes > 0 then redis.call('ZREM', P .. 't', unpack(of_nodes)) end
  for _, timer in ipairs(due) do
    local kind, execution, node = string.match(timer, '^(%a)|([^|]+)|?(.*)$')
    if kind == 'n' then
      promote_node(execution, node, now)
    elseif kind == 'w' then
      rouse(execution, node, 't', now, line_up)
    elseif released < CHUNK then
      released = released + promote_other(timer, kind, execution, now, kept_ms, dead_kept_ms)
    end
  end
  queue_all_due()
  local head = redis.call('ZRANGE', P .. 't', 0, 0, 'WITHSCORES')
  if not head[2] then return -1 end
  return math.max(0, tonumber(head[2]) - now)
end
