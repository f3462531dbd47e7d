#!lua
-- Resume a paused execution: offer again what was put aside, 500 at once and the rest by cursor. One that has not begun is
-- scheduled again for its time; one in which a node failed meanwhile fails; one with nothing left to do completes.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 execution   3 retention in ms   4 the same where a dead letter is left
-- Returns {'ok', the status it has now} | {'unknown'} | {'illegal', status}
-- Events  u; G, C, F. Bound: 500 nodes and cursors that were put aside.
local P = KEYS[1]
--@include clock
--@include event
--@include queue
--@include state
--@include release
--@include offer
--@include finish
--@include timer
local execution = ARGV[2]
local X = P .. 'x:' .. execution
local h = redis.call('HMGET', X, '@st', '@pl', '@pr', '@open', '@run', '@bad', '@held', '@due')
local status, plan, open, run, bad = h[1], h[2], h[4], h[5], h[6]
if not status then return {'unknown'} end
if status ~= 'paused' then return {'illegal', status} end
local now = clock(ARGV[1])
stamp(ARGV[1])
event('u', execution)
redis.call('HDEL', X, '@held', '@pause')
if h[7] then
  redis.call('HSET', X, '@st', 'scheduled')
  set_timer('s|' .. execution, h[8] or now, redis.call('HGET', P .. 'p:' .. plan, 'queue') or 'default')
  return {'ok', 'scheduled'}
end
if bad and run ~= '0' then
  redis.call('HSET', X, '@st', 'failing')
  event('G', execution .. '|' .. bad)
  return {'ok', 'failing'}
end
if bad or open == '0' then
  local ended, tail = end_of(X)
  finish(execution, ended, now, ARGV[3], ARGV[4], {}, tail)
  return {'ok', ended}
end
redis.call('HSET', X, '@st', 'running')
offer(execution, plan, h[3], now)
return {'ok', 'running'}
