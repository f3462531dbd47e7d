#!lua flags=allow-oom
-- Commit an attempt that has to wait for something outside of it: its node holds no worker until it is roused, and then
-- runs again as it was, with what came in `@w:<node>` of its inputs (include/rouse.lua). It costs no try, and a suspect
-- stays one.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 session   3 execution   4 node   5 token   6 what it waits for, in words   7 after how many
--       milliseconds it is roused in any case, or ''   8 retention in ms   9 the same where a dead letter is left
--       10 the event that it waits for, or nothing: the oldest signal that was kept for it rouses it at once
--       11 the breaker that it waits at, or nothing
-- Returns {'ok', 0} | {'again'} this attempt's commit is already in | {'fenced'} another attempt has the node
--         | {'gone'} no such execution here
-- Events  a, k, z; H; U, C, F, X. Bound: a fixed number of keys.
--@include clock
--@include event
--@include fence
--@include queue
--@include state
--@include finish
--@include timer
--@include rouse
--@include signals
--@include breaker
local session, execution, node, token = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local X = P .. 'x:' .. execution
local r = redis.call('HMGET', X, node, '@st', '@pl', '@run')
stamp(ARGV[1])
if not r[2] then
  redis.call('HDEL', P .. 'w:' .. session, execution .. '|' .. node)
  return {'gone'}
end
local letter, holder, failures, crashes, _, flag
if r[1] then letter, holder, failures, crashes, _, flag = read_state(r[1]) end
if holder ~= token then
  return fenced(execution, node, token)
end
if letter ~= 'R' then return {'again'} end
-- Writes from here on.
local now = clock(ARGV[1])
redis.call('HDEL', P .. 'w:' .. session, execution .. '|' .. node)
local at = (ARGV[11] or '') ~= '' and ARGV[11]
local aside = not may_start(r[2], node) and (r[2] ~= 'paused' or at)
local field
flag = suspicion(flag)
if aside then
  -- An execution that is ending waits for nothing; one that is healed begins this wait anew. What waits at a breaker
  -- asks it anew after a pause.
  put_aside(execution, 'node|' .. node, r[2])
  event('k', execution .. '|' .. node .. '|the execution is ' .. r[2])
  field = state('P', token, failures, crashes, now, flag)
else
  local due = now + (ARGV[7] == '' and 0 or ARGV[7])
  if ARGV[7] ~= '' then
    local _, _, queue = read_profile(redis.call('HGET', P .. 'p:' .. r[3], profile_field(node)))
    set_timer('w|' .. execution .. '|' .. node, due, queue)
  end
  event('a', execution .. '|' .. node .. '|' .. token .. '|' .. ARGV[7] .. '|' .. ARGV[6])
  field = state('A', token, failures, crashes, due, (ARGV[7] ~= '' and 't' or at and 'b' or '') .. flag)
end
run_no_more(execution, {status = r[2], run = tonumber(r[4])}, now, ARGV[8], ARGV[9], {node, field})
local awaited = ARGV[10] or ''
local signal = awaited ~= '' and not aside and take_signal(execution, awaited)
if signal then rouse(execution, node, 'e' .. signal, now) end
end_slot(execution, node, token, r[3], now)
if at and not aside then wait_at(at, execution, node, now) end
return {'ok', 0}
