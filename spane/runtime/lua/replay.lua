#!lua
-- Start an execution that replays another: same priority, tenant, metadata and deadline, linked to the original.
-- What `copy` prepared for it is offered; without that, it begins with its entry nodes.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 original   3 execution   4 inputs (opaque), or '' for those of the original   5 how many nodes and
--       cursors `copy` put aside, 0 for a replay of the whole   6 another plan, or '' for that of the original
--       7 the workflow of that plan   8 another deadline in ms, '' for that of the original
--       9 pool of the workflow's limit for inputs that are not the original's, or ''
-- Returns {'ok', execution} | {'again', execution} | {'unknown'} | {'noplan', plan} | {'expired'} what was prepared is gone
-- Events  S, n, L, k. Bound: 500 entry nodes, or 500 of what was put aside; the rest by cursor.
--@include clock
--@include event
--@include queue
--@include state
--@include release
--@include offer
--@include plan
--@include holding
--@include rouse
--@include promote
local original, execution, inputs, aside = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local X, O = P .. 'x:' .. execution, P .. 'o:' .. execution
if redis.call('HEXISTS', X, '@st') == 1 then return {'again', execution} end
local h = redis.call('HMGET', P .. 'x:' .. original, '@pl', '@wf', '@pr', '@tn', '@meta', '@lim', '@within')
if not h[1] then return {'unknown'} end
if ARGV[6] ~= '' then h[1], h[2], h[6], h[7] = ARGV[6], ARGV[7], false, false
elseif inputs ~= '' then h[6] = (ARGV[9] or '') ~= '' and ARGV[9] end
local within = (ARGV[8] or '') ~= '' and ARGV[8] or h[7] or nil
local plan = P .. 'p:' .. h[1]
local kids = kids_of(h[1])
if not kids then return {'noplan', h[1]} end
if inputs == '' then inputs = redis.call('HGET', P .. 'o:' .. original, '@in') end
if aside ~= '0' and redis.call('EXISTS', P .. 'k:' .. execution) == 0 then return {'expired'} end
-- Writes from here on.
local now = clock(ARGV[1])
stamp(ARGV[1])
hold(h[1], kids)
local entry = event('S', execution .. '|' .. h[1] .. '|' .. h[2] .. '|' .. h[3] .. '||' .. original)
redis.call('HSET', X, '@st', 'running', '@g', '1', '@pl', h[1], '@pr', h[3], '@wf', h[2], '@open', aside, '@run', '0',
  '@tn', h[4], '@t0', int(now), '@key', '', '@ev', entry, '@meta', h[5], '@of', original)
redis.call('HSET', O, '@in', inputs)
redis.call('ZADD', P .. 'active', int(now), execution)
if h[6] then redis.call('HSET', X, '@lim', h[6]) end
if within then redis.call('HSET', X, '@within', within) end
if aside == '0' then
  redis.call('HSET', X, '@st', 'scheduled', '@open', '1')
  if not h[6] or may_begin(execution, h[6], h[3], now) then begin(execution, X, plan, h[3], now, within) end
else
  -- What goes on in the middle does not wait for its workflow's limit, but counts.
  if h[6] then grant(h[6], rule_of(h[6]) or {}, execution, '', now) end
  for _, name in ipairs({'x:', 'o:', 'b:', 'k:'}) do redis.call('PERSIST', P .. name .. execution) end
  redis.call('HSET', X, '@k', '1')
  offer(execution, h[1], h[3], now)
  local deadline, fields = within or redis.call('HGET', plan, 'deadline'), {}
  if deadline then set_deadline(execution, deadline, plan, now, fields) end
  write_fields(X, fields)
end
return {'ok', execution}
