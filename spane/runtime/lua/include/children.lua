-- Let the children of an execution follow what it is by now, so many in one step; the rest by cursor. Whatever it was when
-- the cursor was made, and in whatever order cursors come, its children end up as it is.
--@include cancel
--@include pause
--@include resume
local CHILDREN_A_STEP = 50

-- `parent` is {status, reason of a cancel, reason of a pause, milliseconds it is kept, or -1}.
local function follow(child, parent, now, kept_ms, dead_kept_ms)
  local X = P .. 'x:' .. child
  local status, along = unpack(redis.call('HMGET', X, '@st', '@along'))
  if not status then return end
  local st = parent[1]
  if st == 'cancelling' or st == 'cancelled' then cancel(child, parent[2] or '', now, kept_ms, dead_kept_ms)
  elseif st == 'paused' then pause(child, parent[3] or '', true)
  elseif along then resume(child, now, kept_ms, dead_kept_ms) end
  local left, ended = redis.call('PTTL', X), redis.call('HGET', X, '@t1')
  if left == -1 and parent[4] >= 0 and ended then
    -- A dead letter of its own may be left where the parent has none: an undo that failed.
    local h = redis.call('HMGET', X, unpack(RETIRING))
    local has_dead = h[4] and h[4] ~= '0'
    retire(child, now, has_dead and math.max(parent[4], tonumber(dead_kept_ms)) or parent[4], h)
  elseif left >= 0 and parent[4] == -1 then
    local h = redis.call('HMGET', X, unpack(RETIRING))
    keep(child, h[2])
    if h[7] then tell_children(child, h[2]) end
  end
end

local function follow_parent(execution, first, now, kept_ms, dead_kept_ms)
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, '@st', '@why', '@pause', '@pl', '@late')
  if not h[1] then return end
  if h[5] then h[1], h[2] = 'cancelling', 'the deadline of ' .. execution .. ' has come' end
  local last = tonumber(first) + CHILDREN_A_STEP
  local found = redis.call('LRANGE', P .. 'c:' .. execution, first, last - 1)
  local parent = {h[1], h[2], h[3], redis.call('PTTL', X)}
  for _, entry in ipairs(found) do
    follow(string.match(entry, '^[^|]+'), parent, now, kept_ms, dead_kept_ms)
  end
  if #found == CHILDREN_A_STEP then
    redis.call('RPUSH', P .. 'sp', execution .. '|children|' .. int(last))
    wake(redis.call('HGET', P .. 'p:' .. h[4], 'queue') or 'default')
  end
end
