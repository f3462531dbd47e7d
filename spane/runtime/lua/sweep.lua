#!lua flags=allow-oom
-- Look over the executions that were not looked over for longest, and set right what got lost beside the scripts:
-- a hint whose list was deleted, a timer or a lease that is gone. A node queued for longer than `patience` whose hint
-- should have been at the head of its list by now (the list is empty, or its head was queued after it) is re-issued.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 patience in ms   3 executions at most   4 events to keep   5 retention of dead letters in ms
-- Returns {how many were looked over, how many were set right}
-- Appends no event. Bound: the executions asked for, 200 nodes of each a call (a cursor remembers where it was).
local P = KEYS[1]
--@include clock
--@include queue
--@include state
local now = clock(ARGV[1])
local patience = tonumber(ARGV[2])
local mended = 0

local function since_of(hint)
  local execution, node = string.match(hint, '^([^|]+)|(.+)$')
  local text = redis.call('HGET', P .. 'x:' .. execution, node)
  if not text then return 0 end
  local letter, _, _, _, since = read_state(text)
  return letter == 'Q' and tonumber(since) or 0
end

local function hint_is_lost(list, since)
  local head = redis.call('LINDEX', list, 0)
  return not head or since_of(head) > tonumber(since) + 1000
end

local function mend(execution, X, node, text, plan, priority)
  local letter, token, failures, crashes, since, flag = read_state(text)
  if not letter or tonumber(since) + patience > now then return end
  local hint = execution .. '|' .. node
  if letter == 'T' then
    if not redis.call('ZSCORE', P .. 't', 'n|' .. hint) then
      redis.call('ZADD', P .. 't', int(now), 'n|' .. hint)
      mended = mended + 1
    end
    return
  end
  if letter ~= 'Q' and letter ~= 'R' then return end
  if letter == 'R' then
    local session = string.match(token, '^([^.]*)')
    if redis.call('ZSCORE', P .. 'ses', session) then return end
    redis.call('HDEL', P .. 'w:' .. session, hint)
  end
  local profile = redis.call('HGET', P .. 'p:' .. plan, 'p:' .. node)
  if not profile then return end
  local _, _, queue, own = read_profile(profile)
  if letter == 'R' then
    flag = 's'
    redis.call('HINCRBY', X, '@run', -1)
  elseif token ~= '' then
    return
  end
  local list = queue_key(flag == '' and queue or queue .. '!', own ~= '' and own or priority)
  if letter == 'Q' and not hint_is_lost(list, since) then return end
  redis.call('HSET', X, node, state('Q', '', failures, crashes, now, flag))
  redis.call('LPUSH', list, hint)
  wake(queue)
  mended = mended + 1
end

local seen = redis.call('ZRANGEBYSCORE', P .. 'active', '-inf', int(now - patience), 'LIMIT', 0, ARGV[3])
for _, execution in ipairs(seen) do
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, '@st', '@pl', '@pr', '@sw')
  if not h[1] then
    redis.call('ZREM', P .. 'active', execution)
  elseif h[1] == 'scheduled' then
    if not redis.call('ZSCORE', P .. 't', 's|' .. execution) then
      redis.call('ZADD', P .. 't', int(now), 's|' .. execution)
      mended = mended + 1
    end
    redis.call('ZADD', P .. 'active', int(now), execution)
  else
    local page = redis.call('HSCAN', X, h[4] or '0', 'COUNT', 200)
    if h[1] == 'running' then
      for i = 1, #page[2], 2 do
        if string.sub(page[2][i], 1, 1) ~= '@' then mend(execution, X, page[2][i], page[2][i + 1], h[2], h[3]) end
      end
    end
    if page[1] == '0' then
      if h[4] then redis.call('HDEL', X, '@sw') end
      redis.call('ZADD', P .. 'active', int(now), execution)
    else
      redis.call('HSET', X, '@sw', page[1])
    end
  end
end
redis.call('XTRIM', P .. 'ev', 'MAXLEN', '~', ARGV[4])
redis.call('ZREMRANGEBYSCORE', P .. 'dl', '-inf', int(now - ARGV[5]))
return {#seen, mended}
