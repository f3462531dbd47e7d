#!lua
-- Start an execution: its state, its inputs, its entry nodes as hints (or one timer when it starts later).
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 execution   3 plan hash   4 workflow   5 priority   6 delay in ms
--       7 inputs (opaque)   8 start key or ''   9 digest of the inputs   10 tenant   11 metadata (opaque)
--       12 pool of the workflow's limit or ''   13 when it begins, in ms, or '' where the delay says so
--       14 what the key does: '' one execution for good, t one in a period, d one after a quiet time   15 that time in ms
--       16 how long after its beginning it fails, in ms; '' or nothing for what its plan says
-- Returns {'ok', execution} | {'again', execution} the key's execution | {'conflict', execution} same key, other
--         inputs | {'noplan'} the plan, or one of its sub-workflows, is not stored here | {'past', now} it was to
--         begin before now.
-- Events  S, L, B, k. Bound: 500 entry nodes, the rest by cursor; the limits that its plan names.
--@include clock
--@include event
--@include queue
--@include state
--@include release
--@include plan
--@include holding
--@include rouse
--@include promote
--@include timer
--@include once
--@include start_key
local now = clock(ARGV[1])
stamp(ARGV[1])
local execution, plan_hash, workflow, priority, delay = ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local inputs, key, digest, tenant, metadata = ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11]
local X, plan = P .. 'x:' .. execution, P .. 'p:' .. plan_hash
local mode, period = ARGV[14] or '', ARGV[15]
local within = (ARGV[16] or '') ~= '' and ARGV[16] or nil
local kinds = {t = 'recent', d = 'quiet'}
local start_key = start_key_of(kinds[mode] or 'key', workflow, tenant, key)
local holder = key ~= '' and redis.call('GET', start_key)
if holder and mode == 't' then
  local id, till = string.match(holder, '^([^|]+)|(%d+)$')
  if tonumber(till) > now then return {'again', id} end
end
if key ~= '' and mode == '' then
  if holder then
    local id, used = string.match(holder, '^([^|]+)|(.*)$')
    return {used == digest and 'again' or 'conflict', id}
  end
end
if redis.call('EXISTS', X) == 1 then return {'again', execution} end
local kids, limits = kids_of(plan_hash)
if not kids then return {'noplan'} end
local at = tonumber(ARGV[13] or '')
if at then delay = at - now end
if at and delay <= 0 then return {'past', int(now)} end
-- Writes from here on.
if limits then set_rules(limits, now) end
if mode == 'd' then
  local known = holder and put_off(holder, plan_hash, kids, inputs, priority, metadata, ARGV[12], within, now + delay, now)
  redis.call('SET', start_key, known and holder or execution, 'PX', int(delay + 86400000))
  if known then return {'again', holder} end
elseif mode == 't' then redis.call('SET', start_key, execution .. '|' .. int(now + period), 'PX', int(period + 10000))
elseif key ~= '' then redis.call('SET', start_key, execution .. '|' .. digest) end
hold(plan_hash, kids)
local entry = event('S', execution .. '|' .. plan_hash .. '|' .. workflow .. '|' .. priority .. '|' .. key)
redis.call('HSET', X, '@st', 'scheduled', '@g', '1', '@pl', plan_hash, '@pr', priority, '@wf', workflow, '@open', '1',
  '@run', '0', '@tn', tenant, '@t0', int(now), '@key', mode == '' and key or '', '@ev', entry, '@meta', metadata)
redis.call('HSET', P .. 'o:' .. execution, '@in', inputs)
redis.call('ZADD', P .. 'active', int(now), execution)
if ARGV[12] ~= '' then redis.call('HSET', X, '@lim', ARGV[12]) end
if within then redis.call('HSET', X, '@within', within) end
if delay > 0 then
  redis.call('HSET', X, '@due', int(now + delay))
  set_timer('s|' .. execution, now + delay, redis.call('HGET', plan, 'queue'))
elseif ARGV[12] == '' or may_begin(execution, ARGV[12], priority, now) then
  begin(execution, X, plan, priority, now, within)
end
return {'ok', execution}
