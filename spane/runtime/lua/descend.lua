#!lua
-- Commit an attempt whose node goes on in a child execution: the child starts, and the node waits for its end without a
-- worker. It stays counted as running, so that an execution that ends waits for its children. When the child has ended,
-- the node is queued again, with `c<status>|<child>|<round>` as what came (include/finish.lua).
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 session   3 execution   4 node   5 token   6 child   7 its plan   8 its workflow   9 its inputs
--       (opaque)   10 its priority, or '' for that of the execution   11 the round that it is for the node, from 1
--       12 retention in ms   13 the same where a dead letter is left   14 pool of the limit of its workflow or ''
-- Returns {'ok', 1} | {'ok', 0} it was put aside, the execution is paused or ends | {'again'} this attempt's commit is already in | {'fenced'} another attempt has the node
--         | {'noplan'} the child's plan is not here | {'gone'} no such execution here
-- Events  a, S, L; k, z; U, C, F, X. Bound: 500 entry nodes of the child, the rest by cursor.
--@include clock
--@include event
--@include fence
--@include queue
--@include state
--@include release
--@include plan
--@include rouse
--@include promote
--@include finish
local session, execution, node, token, child = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local plan_hash, workflow, inputs, priority, round, pool = ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11], ARGV[14]
local X = P .. 'x:' .. execution
local r = redis.call('HMGET', X, node, '@st', '@run', '@pr', '@tn', '@meta', '@depth')
stamp(ARGV[1])
if not r[2] then
  redis.call('HDEL', P .. 'w:' .. session, execution .. '|' .. node)
  return {'gone'}
end
if redis.call('EXISTS', P .. 'x:' .. child) == 1 then return {'again'} end
local letter, holder, failures, crashes, _, flag
if r[1] then letter, holder, failures, crashes, _, flag = read_state(r[1]) end
if holder ~= token then
  return fenced(execution, node, token)
end
if letter ~= 'R' then return {'again'} end
local kids, limits = kids_of(plan_hash)
if r[2] == 'running' and not kids then
  plan_is_gone(execution, node, plan_hash)
  return {'noplan'}
end
-- Writes from here on.
local now = clock(ARGV[1])
redis.call('HDEL', P .. 'w:' .. session, execution .. '|' .. node)
if r[2] ~= 'running' then
  -- Nothing starts now; whoever resumes or heals has the node run again.
  put_aside(execution, 'node|' .. node, r[2])
  event('k', execution .. '|' .. node .. '|the execution is ' .. r[2])
  local field = state('P', '', failures, crashes, now, suspicion(flag))
  run_no_more(execution, {status = r[2], run = tonumber(r[3])}, now, ARGV[12], ARGV[13], {node, field})
  return {'ok', 0}
end
if priority == '' then priority = r[4] end
event('a', execution .. '|' .. node .. '|' .. token .. '||execution ' .. child .. ' of ' .. workflow)
redis.call('HSET', X, node, state('A', token, failures, crashes, now, 'c' .. suspicion(flag)), '@c:' .. node,
  child .. '|' .. round, '@ch', '1')
redis.call('HDEL', P .. 'o:' .. execution, '@w:' .. node)
redis.call('RPUSH', P .. 'c:' .. execution, child .. '|' .. node)
hold(plan_hash, kids)
local entry = event('S', child .. '|' .. plan_hash .. '|' .. workflow .. '|' .. priority .. '|||' .. execution .. '|' .. node)
local CX = P .. 'x:' .. child
redis.call('HSET', CX, '@st', 'scheduled', '@g', '1', '@pl', plan_hash, '@pr', priority, '@wf', workflow, '@open', '1',
  '@run', '0', '@tn', r[5], '@t0', int(now), '@key', '', '@ev', entry, '@meta', r[6], '@up', execution .. '|' .. node,
  '@depth', int((r[7] or 0) + 1))
redis.call('HSET', P .. 'o:' .. child, '@in', inputs)
redis.call('ZADD', P .. 'active', int(now), child)
if limits then set_rules(limits, now) end
if pool ~= '' then redis.call('HSET', CX, '@lim', pool) end
if pool == '' or may_begin(child, pool, priority, now) then begin(child, CX, P .. 'p:' .. plan_hash, priority, now) end
return {'ok', 1}
