-- Set right what is lost of one node beside the scripts, counted in `call.mended`: its hint, timer, lease or place in a list.
--@include search
--@include queue
--@include state
--@include finish
--@include children
--@include limit
--@include lose
--@include rouse
local function mend_timer(timer, due)
  if redis.call('ZSCORE', P .. 't', timer) then return end
  redis.call('ZADD', P .. 't', int(due), timer)
  call.mended = call.mended + 1
end

local function mend_lease(execution, node, token, now, kept_ms, dead_kept_ms)
  local session = string.match(token, '^([^.]*)')
  if redis.call('ZSCORE', P .. 'ses', session) then return end
  redis.call('HDEL', P .. 'w:' .. session, execution .. '|' .. node)
  lose(execution, node, token, now, kept_ms, dead_kept_ms)
  call.mended = call.mended + 1
end

-- A node that waits for a child whose keys are gone fails by that; a child that did not hear of its parent's end is told.
local function mend_child(execution, node, h, now, kept_ms, dead_kept_ms)
  local current = redis.call('HGET', P .. 'x:' .. execution, '@c:' .. node)
  local child = string.match(current or '', '^[^|]+') or ''
  local status = redis.call('HGET', P .. 'x:' .. child, '@st')
  if status and not has_ended(status) then
    if h[1] == 'cancelling' and status ~= 'cancelling' then follow(child, {'cancelling', '', '', -1}, now, kept_ms, dead_kept_ms) end
    return
  end
  ascend(child, execution .. '|' .. node, status or 'gone', now, kept_ms, dead_kept_ms)
  call.mended = call.mended + 1
end

local function mend_waiter(execution, node, h, now)
  local profile = redis.call('HGET', P .. 'p:' .. h[2], profile_field(node))
  local _, type_name, _, own = read_profile(profile or nil)
  local pool = not rests(type_name, now) and pool_of(execution, node, profile) or type_name
  if wait_in(pool, execution .. '|' .. node, tonumber(own ~= '' and own or h[3]), now) then
    call.mended = call.mended + 1
    hand_on(pool, now)
  end
end

-- A node that waits at a breaker stands in its list, and the breaker has a timer; if not, the node asks it again.
local function mend_waiting(execution, X, node, now)
  local name = redis.call('HGET', X, '@b:' .. node) or ''
  local list = P .. 'br:' .. name .. ':w'
  if redis.call('ZSCORE', P .. 't', 'b|' .. name) and may_hold(list, execution .. '|' .. node) then return end
  rouse(execution, node, nil, now)
  call.mended = call.mended + 1
end

local function mend(execution, X, node, text, h, now, patience, kept_ms, dead_kept_ms)
  local letter, token, failures, crashes, since, flag = read_state(text)
  since = tonumber(since)
  if letter == 'T' then
    if may_start(h[1], node) then mend_timer('n|' .. execution .. '|' .. node, since) end
    return
  end
  local waits = letter == 'A' and string.match(flag, '^[tbc]')
  if waits == 'c' then return mend_child(execution, node, h, now, kept_ms, dead_kept_ms) end
  if waits == 't' and h[1] == 'running' then
    return mend_timer('w|' .. execution .. '|' .. node, since)
  end
  if letter == 'L' and may_start(h[1], node) then return mend_waiter(execution, node, h, now) end
  -- A time that is still to come was written before the clock was set back.
  if not letter or (since + patience > now and since <= now + 1000) then return end
  if letter == 'R' then return mend_lease(execution, node, token, now, kept_ms, dead_kept_ms) end
  if not may_start(h[1], node) then return end
  if waits == 'b' then return mend_waiting(execution, X, node, now) end
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
  call.mended = call.mended + 1
end
