#!lua flags=allow-oom
-- Look over the executions that were not looked over for longest, and set right what got lost beside the scripts:
-- a hint whose list was deleted, a timer or a lease that is gone. A node queued for longer than `patience` is re-issued
-- if its hint should have been at the head of its list by now (the head was queued later) and does not stand in it. Slots of
-- limits whose holders are gone come back, lanes that no worker fits are cleared of what has ended, the stream of events is
-- trimmed, and dead letters past their retention leave their list.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 patience in ms   3 executions at most   4 events to keep   5 retention of dead letters in ms
--       6 retention in ms
-- Returns {how many were looked over, how many were set right, 1 if others wait for their turn else 0}
-- Events  k; l, f, v, g, G by lost leases; Y, p, u, n of children; U, C, F, X. Bound: the executions asked for,
--         500 nodes of them (a cursor remembers where it was in a large one), 100 searches of lists of at most 2000 hints, 20
--         lanes that no worker fits, 10 limits with 200 holders and 100 waiters each.
--@include clock
--@include event
--@include queue
--@include state
--@include park
--@include limit
--@include mend
--@include look_over_pool
local now = clock(ARGV[1])
stamp(ARGV[1])
local patience = tonumber(ARGV[2])
local nodes = 0
local MOST_NODES, PAGE, MOST_LANES = 500, 200, 20
call.mended, call.searches = 0, 0

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
      if string.sub(page[2][i], 1, 1) ~= '@' then mend(execution, X, page[2][i], page[2][i + 1], h, now, patience, ARGV[6], ARGV[5]) end
    end
    next_page = page[1]
    if h[7] and (h[1] == 'running' or h[1] == 'paused') then mend_timer('d|' .. execution, h[7]) end
    h[1] = redis.call('HGET', X, '@st')
  end
  if not h[1] or has_ended(h[1]) then
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
for _, pool in ipairs(pools) do look_over_pool(pool, now) end
for _, name in ipairs(redis.call('HKEYS', P .. 'rests')) do end_rest(name, now) end
local lanes = redis.call('HKEYS', P .. 'unfit')
for i = 1, math.min(#lanes, MOST_LANES) do clear_lane(lanes[(now + i) % #lanes + 1]) end
redis.call('XTRIM', P .. 'ev', 'MAXLEN', '~', ARGV[4])
redis.call('ZREMRANGEBYSCORE', P .. 'dl', '-inf', int(now - ARGV[5]))
return {looked, call.mended, (looked < #seen or #seen == tonumber(ARGV[3])) and 1 or 0}
