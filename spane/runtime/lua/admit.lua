#!lua flags=allow-oom
-- Take a slot under the key of an attempt that is about to call its node, or park the node until one is free; when it is
-- handed on, the slot is its own. Only the worker knows the key, once it has read the inputs.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 execution   3 node   4 token   5 key   6 retention in ms   7 the same where a dead letter is left
-- Returns 1, or 0 where the attempt has the node no more: it was parked now, or taken away before.
-- Events  k, b; U, C, F, X. Bound: 100 who wait for the same key.
--@include clock
--@include event
--@include queue
--@include state
--@include finish
--@include limit
local execution, node, token = ARGV[2], ARGV[3], ARGV[4]
local X, hint = P .. 'x:' .. execution, execution .. '|' .. node
local r = redis.call('HMGET', X, node, '@st', '@pl', '@pr', '@run')
local letter, holder, failures, crashes, _, flag
if r[1] then letter, holder, failures, crashes, _, flag = read_state(r[1]) end
if letter ~= 'R' or holder ~= token then return 0 end
local profile = redis.call('HGET', P .. 'p:' .. r[3], profile_field(node))
local name, kind = limited(profile or '')
if kind ~= 'y' then return 1 end
local pool = name .. '/' .. ARGV[5]
if redis.call('HGET', P .. 'lim:' .. pool, hint) == token then return 1 end
-- Writes from here on.
local now = clock(ARGV[1])
stamp(ARGV[1])
redis.call('HSET', X, '@l:' .. node, pool)
if take_slot(pool, rule_for(pool, r[3], node), hint, token, now) then return 1 end
redis.call('HDEL', P .. 'w:' .. string.match(token, '^[^.]*'), hint)
if flag == 'm' then flag = 'a' end
local aside = not may_start(r[2], node)
if aside then
  event('b', execution .. '|' .. node .. '|' .. token)
  put_aside(execution, 'node|' .. node, r[2])
end
local field = state(aside and 'P' or 'L', '', failures, crashes, now, flag)
run_no_more(execution, {status = r[2], run = tonumber(r[5])}, now, ARGV[6], ARGV[7], {node, field})
if not aside then
  local _, _, _, own = read_profile(profile)
  park_for(pool, execution, node, own ~= '' and own or r[4], failures, crashes, flag, now)
end
return 0
