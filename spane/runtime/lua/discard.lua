#!lua flags=allow-oom
-- Discard a dead letter: it is listed no more and cannot be retried; its execution stays as it is. One that has ended and
-- has no other dead letter is kept no longer than any other; a child, as long as its parent.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 execution   3 node   4 retention in ms
-- Returns {'ok'} | {'unknown'} no such dead letter
-- Events  e. Bound: a fixed number of keys.
--@include clock
--@include event
local execution, node = ARGV[2], ARGV[3]
local X, hint = P .. 'x:' .. execution, execution .. '|' .. node
if redis.call('ZREM', P .. 'dl', hint) == 0 then return {'unknown'} end
local now = clock(ARGV[1])
stamp(ARGV[1])
local entry = event('e', hint)
if redis.call('EXISTS', X) == 0 then return {'ok'} end
local left = redis.call('HINCRBY', X, '@dl', -1)
local ended = redis.call('HGET', X, '@t1')
if ended then redis.call('HSET', X, '@ev1', entry) end
if ended and left == 0 and redis.call('PTTL', X) >= 0 then
  local kept_ms = int(math.max(1, ended + ARGV[4] - now))
  for _, name in ipairs({'x:', 'o:', 'j:', 'b:', 'k:', 'd:', 'c:', 'u:'}) do redis.call('PEXPIRE', P .. name .. execution, kept_ms) end
end
return {'ok'}
