#!lua
-- Retry a dead letter: its node starts anew, with all its attempts and everything that it had. An execution that had failed
-- goes on in a new generation: it expires no more, holds its plan and its start key again, and what was put aside when it
-- failed is offered again; one that is still failing goes on as it is. In one that is paused, the node waits for the resume. Where the execution is a child and its
-- parent failed by it, the parent waits for it again and so goes on as well, and whoever stands above. Of an execution that
-- has compensated, steps can be retried alone: what was undone cannot go on.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 execution   3 node   4 'ask' to hear what this would answer, and have nothing written; or nothing
-- Returns {'ok', generation} | {'unknown'} no such dead letter | {'illegal', status} its execution is being cancelled, was
--         cancelled, or runs past its deadline; {'illegal', status, who} one above | {'passed', status} its execution went on
--         without it | {'noplan', plan} the plan is not here | {'undone', status} its execution has compensated;
--         {'undone', status, who} one above
-- Events  d, a, n, U. Bound: 500 nodes and cursors that were put aside, at each level above as well, the rest by cursor.
--@include clock
--@include event
--@include queue
--@include state
--@include release
--@include offer
--@include letters
--@include ancestors
local execution, node = ARGV[2], ARGV[3]
local X, hint = P .. 'x:' .. execution, execution .. '|' .. node
if not redis.call('ZSCORE', P .. 'dl', hint) then return {'unknown'} end
local h = redis.call('HMGET', X, node, '@st', '@pl', '@pr', '@undone', '@late')
local status, plan_hash, priority = h[2], h[3], h[4]
if not status or not h[1] or string.sub(h[1], 1, 1) ~= 'F' then
  if ARGV[4] ~= 'ask' then redis.call('ZREM', P .. 'dl', hint) end
  return {'unknown'}
end
local plan = P .. 'p:' .. plan_hash
local profile = redis.call('HGET', plan, profile_field(node))
if not profile then return {'noplan', plan_hash} end
local _, _, queue, own, flags = read_profile(profile)
local step, above, refusal = is_step(node), {}, nil
if step and status ~= 'failed' and status ~= 'cancelled' and status ~= 'compensating' then return {'illegal', status} end
if not step then
  if string.find(flags, '[ks]') then return {'passed', status} end
  if not can_go_on(status, h[6]) then return {'illegal', status} end
  if h[5] then return {'undone', status} end
  above, refusal = ancestors_of(execution)
  if not above then return refusal end
end
if ARGV[4] == 'ask' then return {'ok', tonumber(redis.call('HGET', X, '@g'))} end
-- Writes from here on.
local now = clock(ARGV[1])
stamp(ARGV[1])
for i = #above, 1, -1 do wait_again(above[i], now) end
if status == 'failed' or status == 'cancelled' then reopen(execution, now, step)
elseif status == 'failing' then fail_no_more(execution) end
if step then
  retry_step(execution, node, status, now)
  return {'ok', tonumber(redis.call('HGET', X, '@g'))}
end
revive(execution, node)
redis.call('HSET', X, node, state(status == 'paused' and 'P' or 'Q', '', 0, 0, now, ''))
if status == 'paused' then put_aside(execution, 'node|' .. node, status)
else push(queue, own ~= '' and own or priority, hint) end
if status == 'failed' or status == 'failing' then offer(execution, plan_hash, priority, now) end
return {'ok', tonumber(redis.call('HGET', X, '@g'))}
