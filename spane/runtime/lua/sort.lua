#!lua flags=allow-oom
-- Put a node under the key of its limit, which only a worker knows, once it has read the inputs: from now on it has a place
-- in the queue of that key, and never comes here again. Where a slot is free that nobody waits for, that is kept for it, and
-- the node is queued behind what came before.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 session   3 execution   4 node   5 token   6 key   7 retention in ms   8 the same where a dead letter
--       is left
-- Returns {'ok', 1 if a node was queued else 0} | {'again'} the attempt has the node no more: this call is already in, or it
--         was taken away before | {'noplan'} the plan is not here: call again later
-- Events  k; U, C, F, X. Bound: 100 who wait for the same key.
--@include clock
--@include event
--@include queue
--@include state
--@include plan
--@include finish
--@include limit
local session, execution, node, token = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local X, hint = P .. 'x:' .. execution, execution .. '|' .. node
stamp(ARGV[1])
local r = redis.call('HMGET', X, node, '@st', '@pl', '@pr', '@run')
local letter, holder, failures, crashes
if r[1] then letter, holder, failures, crashes = read_state(r[1]) end
if letter ~= 'R' or holder ~= token then
  if redis.call('HGET', P .. 'w:' .. session, hint) == token then redis.call('HDEL', P .. 'w:' .. session, hint) end
  return {'again'}
end
local profile = redis.call('HGET', P .. 'p:' .. r[3], profile_field(node))
if not profile then
  plan_is_gone(execution, node, r[3])
  return {'noplan'}
end
-- Writes from here on.
local now = clock(ARGV[1])
local _, type_name, queue, own = read_profile(profile)
local priority, pool = own ~= '' and own or r[4], type_name .. '/' .. ARGV[6]
redis.call('HDEL', P .. 'w:' .. session, hint)

local function becomes(letter)
  local fields = {node, state(letter, '', failures, crashes, now, ''), '@l:' .. node, pool}
  run_no_more(execution, {status = r[2], run = tonumber(r[5])}, now, ARGV[7], ARGV[8], fields)
end

if not may_start(r[2], node) then
  put_aside(execution, 'node|' .. node, r[2])
  becomes('P')
  return {'ok', 0}
end
local rule = rule_for(pool, r[3], node)
if not is_free(pool, rule, now) then
  becomes('L')
  return {'ok', wait_for_slot(pool, execution, node, priority, now) and 0 or 1}
end
becomes('Q')
keep_free(pool, rule, hint, place(tonumber(priority), now), now)
push(queue, priority, hint)
return {'ok', 1}
