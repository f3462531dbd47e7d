-- Circuit breakers, shared by all workers. br:<name> is closed unless it says otherwise:
--   st       open: nothing passes until `until`; half: one probe at a time passes
--   probe    the attempt that tries it out, `execution|node|token`; it holds this for as long as it holds its node
--   good     probes that succeeded since it half-opened      timeout   how long it stays open, in ms
--   opened, refused, since, last   how often it opened, how many it refused; since when it stands so, and which node opened it
-- br:<name>:f are the failures of its window by token, br:<name>:w the nodes that wait at it. Its one timer `b|name` is set
-- while it is open, while a probe runs, and while somebody waits at it.
--@include event
--@include state
--@include timer
--@include rouse
local BREAKER_STEP, BREAKER_KEPT_MS = 100, 86400000

local function probe_runs(probe)
  local execution, node, token = string.match(probe or '', '^([^|]+)|([^|]+)|(.+)$')
  local text = execution and redis.call('HGET', P .. 'x:' .. execution, node)
  if not text then return false end
  local letter, holder = read_state(text)
  return letter == 'R' and holder == token
end

-- Keep what says how it stands for a day after its last change, and as long as somebody waits at it.
local function keep_breaker(name, now)
  local B = P .. 'br:' .. name
  redis.call('ZADD', P .. 'brs', int(now), name)
  if redis.call('EXISTS', B .. ':w') == 1 then redis.call('PERSIST', B)
  else redis.call('PEXPIRE', B, BREAKER_KEPT_MS) end
end

-- Let nodes that wait at it go on, at most `most`; those that are gone, or whose execution does not run, do not count.
-- Returns how many, and whether it stopped among those that do not count.
local function rouse_at(name, most, now)
  local roused, looked = 0, 0
  while roused < most and looked < BREAKER_STEP do
    local hint = redis.call('LPOP', P .. 'br:' .. name .. ':w')
    if not hint then break end
    looked = looked + 1
    local execution, node = string.match(hint, '^([^|]+)|(.+)$')
    if rouse(execution, node, nil, now) and may_start(redis.call('HGET', P .. 'x:' .. execution, '@st'), node) then
      roused = roused + 1
    end
  end
  if looked > 0 then keep_breaker(name, now) end
  return roused, roused < most and looked == BREAKER_STEP
end

local function half_open(name, now)
  redis.call('HSET', P .. 'br:' .. name, 'st', 'half', 'good', '0', 'probe', '', 'since', int(now))
  event('H', '|' .. name)
  keep_breaker(name, now)
end

-- A time that is further off than it can be was written before the clock was set back.
local function is_shut(time, timeout, now)
  return tonumber(time) > now and tonumber(time) <= now + timeout
end

-- What is left to do at it: all that wait at a closed one go on, step by step; of those at a half-open one without a
-- probe, one; an open one half-opens when its time has come.
local function tend_breaker(name, now)
  local B = P .. 'br:' .. name
  local h = redis.call('HMGET', B, 'st', 'until', 'probe', 'timeout')
  local st = h[1] or 'closed'
  if st == 'open' and is_shut(h[2], h[4], now) then
    redis.call('ZADD', P .. 't', h[2], 'b|' .. name)
    return
  end
  if st == 'open' then half_open(name, now) end
  local at_once = st == 'closed'
  if at_once then
    rouse_at(name, BREAKER_STEP, now)
  elseif st == 'open' or not probe_runs(h[3]) then
    at_once = select(2, rouse_at(name, 1, now))
  end
  if redis.call('EXISTS', B .. ':w') == 1 or (st == 'half' and probe_runs(h[3])) then
    set_timer('b|' .. name, at_once and now or now + h[4], 'default')
  end
end

-- Tell what it says to an attempt that wants to pass, or to one that wants to wait: closed, half (one may probe), open.
-- An open one whose time has come half-opens here as well: its timer may be late.
local function stands_at(name, now)
  local h = redis.call('HMGET', P .. 'br:' .. name, 'st', 'until', 'probe', 'timeout')
  if not h[1] or h[1] == 'closed' then return 'closed', 0 end
  if h[1] == 'open' then
    if is_shut(h[2], h[4], now) then return 'open', h[2] - now end
    half_open(name, now)
    return 'half', 0
  end
  if probe_runs(h[3]) then return 'open', 0, h[3] end
  return 'half', 0
end

-- Let a node that awaits wait at it, unless it lets attempts through again since this one asked.
local function wait_at(name, execution, node, now)
  redis.call('HSET', P .. 'x:' .. execution, '@b:' .. node, name)
  if stands_at(name, now) ~= 'open' then rouse(execution, node, nil, now); return end
  redis.call('RPUSH', P .. 'br:' .. name .. ':w', execution .. '|' .. node)
  keep_breaker(name, now)
  -- Its timer is set while it is open or a probe runs; where it was lost, this one comes in its place.
  if not redis.call('ZSCORE', P .. 't', 'b|' .. name) then tend_breaker(name, now) end
end
