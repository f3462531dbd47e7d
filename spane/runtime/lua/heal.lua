#!lua
-- Retry a dead letter: its node starts anew, with all its attempts and everything that it had. An execution that had failed
-- goes on in a new generation: it expires no more, holds its plan and its start key again, and what was put aside when it
-- failed is offered again. In one that is paused, the node waits for the resume.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 execution   3 node
-- Returns {'ok', generation} | {'unknown'} no such dead letter | {'illegal', status} its execution is coming to its end, or
--         was cancelled | {'passed', status} its execution went on without it | {'noplan', plan} the plan is not here
-- Events  d. Bound: 500 nodes and cursors that were put aside, the rest by cursor.
local P = KEYS[1]
--@include clock
--@include event
--@include queue
--@include state
--@include release
--@include offer
local execution, node = ARGV[2], ARGV[3]
local X, hint = P .. 'x:' .. execution, execution .. '|' .. node
if not redis.call('ZSCORE', P .. 'dl', hint) then return {'unknown'} end
local h = redis.call('HMGET', X, node, '@st', '@pl', '@pr', '@open', '@g', '@wf', '@key')
local status, plan_hash, priority = h[2], h[3], h[4]
if not status or not h[1] or string.sub(h[1], 1, 1) ~= 'F' then
  redis.call('ZREM', P .. 'dl', hint)
  return {'unknown'}
end
local plan = P .. 'p:' .. plan_hash
local profile = redis.call('HGET', plan, 'p:' .. node)
if not profile then return {'noplan', plan_hash} end
local _, _, queue, own, flags = read_profile(profile)
if string.find(flags, 'k', 1, true) then return {'passed', status} end
if status ~= 'failed' and status ~= 'running' and status ~= 'paused' then return {'illegal', status} end
-- Writes from here on.
local now = clock(ARGV[1])
stamp(ARGV[1])
local generation = tonumber(h[6])
if status == 'failed' then
  generation = generation + 1
  for _, name in ipairs({'x:', 'o:', 'j:', 'b:', 'k:', 'd:'}) do redis.call('PERSIST', P .. name .. execution) end
  redis.call('HINCRBY', plan, 'refs', 1)
  redis.call('PERSIST', plan)
  local start_key = P .. 'key:' .. h[7] .. ':' .. (h[8] or '')
  local holder = h[8] and h[8] ~= '' and redis.call('GET', start_key)
  if holder and string.match(holder, '^[^|]+') == execution then redis.call('PERSIST', start_key) end
  redis.call('ZADD', P .. 'active', int(now), execution)
  redis.call('DEL', P .. 'r:' .. execution)
  redis.call('HDEL', X, '@t1')
  redis.call('HSET', X, '@st', 'running', '@g', int(generation))
end
redis.call('ZREM', P .. 'dl', hint)
redis.call('HINCRBY', X, '@dl', -1)
redis.call('HDEL', P .. 'o:' .. execution, node, '@w:' .. node)
redis.call('LREM', P .. 'd:' .. execution, 1, node)
-- Another dead letter of the execution that nobody has retried yet fails it in the end.
local bad = redis.call('LINDEX', P .. 'd:' .. execution, 0)
if bad then redis.call('HSET', X, '@bad', bad) else redis.call('HDEL', X, '@bad') end
event('d', hint .. '|' .. int(generation))
redis.call('HSET', X, '@open', int(h[5] + 1), node, state(status == 'paused' and 'P' or 'Q', '', 0, 0, now, ''))
if status == 'paused' then put_aside(execution, 'node|' .. node, status)
else push(queue, own ~= '' and own or priority, hint) end
if status == 'failed' then offer(execution, plan_hash, priority, now) end
return {'ok', generation}
