#!lua flags=allow-oom
-- Tell a breaker how an attempt went that it let pass, right before the attempt is committed. Enough failures in its window
-- open it; enough probes that succeed close it again, and one that fails opens it anew.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 execution   3 node   4 token   5 the breaker's name   6 good, bad, or none (it says nothing)
--       7 failures that open it   8 their window in ms   9 successes that close it   10 how long it stays open in ms
-- Returns how it stands now: closed, open or half; '' where the attempt has the node no more and changes nothing
-- Events  O, H, K. Bound: 100 nodes that wait at it, the rest by its timer; 10 names of breakers that are gone.
--@include clock
--@include event
--@include breaker
local execution, node, token, name, how = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local B, me = P .. 'br:' .. name, execution .. '|' .. node .. '|' .. token
if not probe_runs(me) then return '' end
local now = clock(ARGV[1])
stamp(ARGV[1])
local h = redis.call('HMGET', B, 'st', 'probe', 'good')
local st, probes = h[1] or 'closed', h[2] == me
local function open(failures)
  redis.call('HSET', B, 'st', 'open', 'until', int(now + ARGV[10]), 'since', int(now), 'probe', '', 'timeout', ARGV[10],
    'last', execution .. '|' .. node, 'failures', failures, 'window', ARGV[8])
  redis.call('HINCRBY', B, 'opened', 1)
  redis.call('DEL', B .. ':f')
  event('O', '|' .. name .. '|' .. ARGV[10] .. '|' .. failures .. '|' .. execution .. '|' .. node)
  keep_breaker(name, now)
  set_timer('b|' .. name, now + ARGV[10], 'default')
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', P .. 'brs', '-inf', int(now - BREAKER_KEPT_MS), 'LIMIT', 0, 10)) do
    if redis.call('EXISTS', P .. 'br:' .. gone) == 0 then redis.call('ZREM', P .. 'brs', gone) end
  end
  return 'open'
end
if st == 'closed' and how == 'bad' then
  redis.call('ZADD', B .. ':f', int(now), token)
  redis.call('ZREMRANGEBYSCORE', B .. ':f', '-inf', int(now - ARGV[8]))
  redis.call('PEXPIRE', B .. ':f', ARGV[8])
  local failures = redis.call('ZCARD', B .. ':f')
  if failures >= tonumber(ARGV[7]) then return open(failures) end
  redis.call('HSET', B, 'st', 'closed', 'window', ARGV[8], 'timeout', ARGV[10])
  keep_breaker(name, now)
  return 'closed'
end
if st ~= 'half' or not probes then return st end
if how == 'bad' then return open(1) end
local good = tonumber(h[3]) + (how == 'good' and 1 or 0)
if good >= tonumber(ARGV[9]) then
  redis.call('HSET', B, 'st', 'closed', 'probe', '', 'since', int(now))
  redis.call('HDEL', B, 'until')
  event('K', '|' .. name)
  st = 'closed'
else
  redis.call('HSET', B, 'good', int(good), 'probe', '')
end
keep_breaker(name, now)
redis.call('ZREM', P .. 't', 'b|' .. name)
tend_breaker(name, now)
return st
