#!lua flags=allow-oom
-- Look over the executions that were not looked over for longest, and set right what got lost beside the scripts:
-- a hint whose list was deleted, a timer or a lease that is gone. A node queued for longer than `patience` is re-issued
-- if its hint should have been at the head of its list by now (the head was queued later) and does not stand in it.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 patience in ms   3 executions at most   4 events to keep   5 retention of dead letters in ms
--       6 retention in ms
-- Returns {how many were looked over, how many were set right, 1 if others wait for their turn else 0}
-- Events  k, l, f; F, C, X for a lease without a session. Bound: the executions asked for, 500 nodes of them (a cursor
-- remembers where it was in a large one), 100 searches of a list of at most 2000 hints, 20 lanes that no worker fits, 10
-- limits with 200 holders and 100 waiters each.
--@include clock
--@include event
--@include queue
--@include state
--@include park
--@include release
--@include plan
--@include finish
--@include children
--@include settle
--@include lose
--@include breaker
local now = clock(ARGV[1])
stamp(ARGV[1])
local patience = tonumber(ARGV[2])
local mended, searches, nodes = 0, 0, 0
local LONGEST_SEARCHED, MOST_NODES, PAGE, MOST_LANES = 2000, 500, 200, 20

local function since_of(hint)
  local execution, node = string.match(hint, '^([^|]+)|(.+)$')
  local text = redis.call('HGET', P .. 'x:' .. execution, node)
  if not text then return 0 end
  local letter, _, _, _, since = read_state(text)
  return letter == 'Q' and tonumber(since) or 0
end

-- What was given back stands at the head though it is young, so a young head alone proves nothing. A list too long to
-- be searched is left: whatever stands in it waits anyway, and it will be searched when it has become shorter.
local function may_hold(list, hint)
  if searches >= 100 or redis.call('LLEN', list) > LONGEST_SEARCHED then return true end
  searches = searches + 1
  return redis.call('LPOS', list, hint)
end

local function hint_is_lost(list, hint, since)
  local head = redis.call('LINDEX', list, 0)
  return not head or (since_of(head) > since + 1000 and not may_hold(list, hint))
end

-- A node that no worker fitted stands in one of its queue's lanes; if it does not, it is offered to all again.
local function unfit_hint_is_lost(queue, priority, hint)
  for _, lane in ipairs(redis.call('HKEYS', P .. 'unfit')) do
    if string.match(lane, '^[^@]+') == queue and may_hold(queue_key(lane, priority), hint) then return false end
  end
  return true
end

-- Hints at the head of such a lane whose executions do not run any more leave it, and a lane that ran empty is forgotten.
local function clear_lane(lane)
  for p = 1, 10 do
    local list = queue_key(lane, p)
    for _ = 1, 20 do
      local hint = redis.call('LINDEX', list, 0)
      if not hint then break end
      local execution, node = string.match(hint, '^([^|]+)|(.+)$')
      local h = redis.call('HMGET', P .. 'x:' .. execution, '@st', node)
      if may_start(h[1], node) or h[1] == 'paused' then break end
      redis.call('LPOP', list)
      local letter, _, failures, crashes, _, flag = read_state(h[2] or '')
      if letter == 'Q' then park(execution, node, h[1], failures, crashes, flag, now) end
    end
    if redis.call('LLEN', list) > 0 then return end
  end
  redis.call('HDEL', P .. 'unfit', lane)
end

local function mend_timer(timer, due)
  if redis.call('ZSCORE', P .. 't', timer) then return end
  redis.call('ZADD', P .. 't', int(due), timer)
  mended = mended + 1
end

local function mend_lease(execution, node, token)
  local session = string.match(token, '^([^.]*)')
  if redis.call('ZSCORE', P .. 'ses', session) then return end
  redis.call('HDEL', P .. 'w:' .. session, execution .. '|' .. node)
  lose(execution, node, token, now, ARGV[6], ARGV[5])
  mended = mended + 1
end

-- A node that waits for a child whose keys are gone fails by that; a child that did not hear of its parent's end is told.
local function mend_child(execution, node, h)
  local current = redis.call('HGET', P .. 'x:' .. execution, '@c:' .. node)
  local child = string.match(current or '', '^[^|]+') or ''
  local status = redis.call('HGET', P .. 'x:' .. child, '@st')
  if status and status ~= 'completed' and status ~= 'failed' and status ~= 'cancelled' then
    if h[1] == 'cancelling' and status ~= 'cancelling' then follow(child, {'cancelling', '', '', -1}, now, ARGV[6], ARGV[5]) end
    return
  end
  ascend(child, execution .. '|' .. node, status or 'gone', now, ARGV[6], ARGV[5])
  mended = mended + 1
end

local function mend_waiter(execution, node, h)
  local profile = redis.call('HGET', P .. 'p:' .. h[2], profile_field(node))
  local _, type_name, _, own = read_profile(profile or nil)
  local pool = pool_of(execution, node, profile) or type_name
  if wait_in(pool, execution .. '|' .. node, tonumber(own ~= '' and own or h[3]), now) then
    mended = mended + 1
    hand_on(pool, now)
  end
end

-- Whether a slot of a pool is still held, or wanted, by a member of it; and whether that is queued all the same.
local function is_held(member, token)
  local execution, node = string.match(member, '^([^|]+)|(.+)$')
  if not execution then
    local status = redis.call('HGET', P .. 'x:' .. member, '@st')
    return status and status ~= 'completed' and status ~= 'failed' and status ~= 'cancelled'
  end
  local h = redis.call('HMGET', P .. 'x:' .. execution, node, '@st')
  if not h[1] then return false end
  local letter, holder = read_state(h[1])
  if token then return letter == 'R' and holder == token end
  return letter == 'R' or (letter == 'Q' and may_start(h[2], node)), letter == 'Q'
end

-- Slots whose holders are gone come back; of many holders, a hundred picked at random are looked at.
local function look_over_pool(pool)
  local held = P .. 'lim:' .. pool
  local members = redis.call('HRANDFIELD', held, 100, 'WITHVALUES') or {}
  for i = 1, #members, 2 do
    if not is_held(members[i], members[i + 1]) then
      redis.call('HDEL', held, members[i])
      mended = mended + 1
    end
  end
  for _, member in ipairs(redis.call('SRANDMEMBER', held .. ':o', 100) or {}) do
    local wanted, queued = is_held(member)
    if not wanted then
      -- One that is queued in an execution that stands still gives its slot to others, but lost nothing.
      redis.call('SREM', held .. ':o', member)
      if not queued then mended = mended + 1 end
    end
  end
  hand_on(pool, now)
  if redis.call('EXISTS', held, held .. ':o', held .. ':w') == 0 then redis.call('ZREM', P .. 'pools', pool)
  else redis.call('ZADD', P .. 'pools', int(now), pool) end
end

-- A node that waits at a breaker stands in its list, and the breaker has a timer; if not, the node asks it again.
local function mend_waiting(execution, X, node)
  local name = redis.call('HGET', X, '@b:' .. node) or ''
  local list = P .. 'br:' .. name .. ':w'
  if redis.call('ZSCORE', P .. 't', 'b|' .. name) and may_hold(list, execution .. '|' .. node) then return end
  rouse(execution, node, nil, now)
  mended = mended + 1
end

local function mend(execution, X, node, text, h)
  local letter, token, failures, crashes, since, flag = read_state(text)
  since = tonumber(since)
  if letter == 'T' then
    if may_start(h[1], node) then mend_timer('n|' .. execution .. '|' .. node, since) end
    return
  end
  local waits = letter == 'A' and string.match(flag, '^[tbc]')
  if waits == 'c' then return mend_child(execution, node, h) end
  if waits == 't' and h[1] == 'running' then
    return mend_timer('w|' .. execution .. '|' .. node, since)
  end
  if letter == 'L' and may_start(h[1], node) then return mend_waiter(execution, node, h) end
  -- A time that is still to come was written before the clock was set back.
  if not letter or (since + patience > now and since <= now + 1000) then return end
  if letter == 'R' then return mend_lease(execution, node, token) end
  if not may_start(h[1], node) then return end
  if waits == 'b' then return mend_waiting(execution, X, node) end
  if letter ~= 'Q' then return end
  local profile = redis.call('HGET', P .. 'p:' .. h[2], profile_field(node))
  if not profile then return end
  local _, _, queue, own = read_profile(profile)
  local hint, priority = execution .. '|' .. node, own ~= '' and own or h[3]
  local lane = lane_of(queue, flag)
  local lost
  if token == '' then lost = hint_is_lost(queue_key(lane, priority), hint, since)
  else lost = unfit_hint_is_lost(queue, priority, hint) end
  if not lost then return end
  redis.call('HSET', X, node, state('Q', '', failures, crashes, now, flag))
  push_front(lane, priority, hint)
  mended = mended + 1
end

local function look_over(execution)
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, '@st', '@pl', '@pr', '@sw', '@due', '@lim', '@end')
  local next_page = '0'
  if h[1] == 'scheduled' and h[6] and redis.call('ZSCORE', P .. 'lim:' .. h[6] .. ':w', execution) then
    -- Its workflow's limit lets it begin.
  elseif h[1] == 'scheduled' then
    mend_timer('s|' .. execution, h[5] or now)
  elseif h[1] then
    local page = redis.call('HSCAN', X, h[4] or '0', 'COUNT', PAGE)
    nodes = nodes + #page[2] / 2
    for i = 1, #page[2], 2 do
      if string.sub(page[2][i], 1, 1) ~= '@' then mend(execution, X, page[2][i], page[2][i + 1], h) end
    end
    next_page = page[1]
    if h[7] and (h[1] == 'running' or h[1] == 'paused') then mend_timer('d|' .. execution, h[7]) end
    h[1] = redis.call('HGET', X, '@st')
  end
  if not h[1] or h[1] == 'completed' or h[1] == 'failed' or h[1] == 'cancelled' then
    redis.call('ZREM', P .. 'active', execution)
  elseif next_page ~= '0' then
    redis.call('HSET', X, '@sw', next_page)
  else
    if h[4] then redis.call('HDEL', X, '@sw') end
    redis.call('ZADD', P .. 'active', int(now), execution)
  end
end

local seen = redis.call('ZRANGEBYSCORE', P .. 'active', '-inf', int(now - patience), 'LIMIT', 0, ARGV[3])
if #seen == 0 then seen = redis.call('ZRANGEBYSCORE', P .. 'active', int(now + 1000), '+inf', 'LIMIT', 0, ARGV[3]) end
local looked = 0
for _, execution in ipairs(seen) do
  if nodes >= MOST_NODES then break end
  look_over(execution)
  looked = looked + 1
end
local pools = redis.call('ZRANGEBYSCORE', P .. 'pools', '-inf', int(now - patience), 'LIMIT', 0, 10)
if #pools == 0 then pools = redis.call('ZRANGEBYSCORE', P .. 'pools', int(now + 1000), '+inf', 'LIMIT', 0, 10) end
for _, pool in ipairs(pools) do look_over_pool(pool) end
for _, name in ipairs(redis.call('HKEYS', P .. 'rests')) do end_rest(name, now) end
local lanes = redis.call('HKEYS', P .. 'unfit')
for i = 1, math.min(#lanes, MOST_LANES) do clear_lane(lanes[(now + i) % #lanes + 1]) end
redis.call('XTRIM', P .. 'ev', 'MAXLEN', '~', ARGV[4])
redis.call('ZREMRANGEBYSCORE', P .. 'dl', '-inf', int(now - ARGV[5]))
return {looked, mended, (looked < #seen or #seen == tonumber(ARGV[3])) and 1 or 0}
