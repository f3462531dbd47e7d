#!lua flags=allow-oom
-- Commit an attempt at a map that has put its items: they are queued as nodes of their own, as many as may run at once and
-- 500 of them here, the others by cursor. The map awaits them without a worker, and is roused by the last (include/items.lua).
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 session   3 execution   4 map   5 token   6 how many items   7 how many may run at once
--       8 retention in ms   9 the same where a dead letter is left
-- Returns {'ok', 1 if items were queued else 0} | {'again'} this attempt's commit is already in | {'fenced'} another
--         attempt has the node | {'gone'} no such execution here
-- Events  m, k, z; U, C, F, X. Bound: 500 items.
--@include clock
--@include event
--@include fence
--@include queue
--@include state
--@include release
--@include finish
--@include items
stamp(ARGV[1])
local session, execution, map, token = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local X = P .. 'x:' .. execution
local r = redis.call('HMGET', X, map, '@st', '@pl', '@pr', '@open', '@run')
if not r[2] then
  redis.call('HDEL', P .. 'w:' .. session, execution .. '|' .. map)
  return {'gone'}
end
local letter, holder, failures, crashes, _, flag
if r[1] then letter, holder, failures, crashes, _, flag = read_state(r[1]) end
if holder ~= token then
  return fenced(execution, map, token)
end
if letter ~= 'R' then return {'again'} end
-- Writes from here on.
local now, fields, out = clock(ARGV[1]), {}, found(false)
local status, m = r[2], {total = tonumber(ARGV[6]), next = 0, done = 0, most = tonumber(ARGV[7]), moving = true}
redis.call('HDEL', P .. 'w:' .. session, execution .. '|' .. map)
if status ~= 'running' and status ~= 'paused' then
  -- An execution that is ending begins nothing; one that is healed begins this map anew.
  put_aside(execution, 'node|' .. map, status)
  event('k', execution .. '|' .. map .. '|the execution is ' .. status)
  fields = {map, state('P', token, failures, crashes, now, suspicion(flag))}
else
  event('m', execution .. '|' .. map .. '|' .. token .. '|' .. int(m.total))
  fields = {map, state('A', token, failures, crashes, now, suspicion(flag))}
  local open = tonumber(r[5])
  if status == 'paused' then
    put_aside(execution, 'cursor|' .. execution .. '|i:' .. map .. '|0', status)
    open = open + 1
  else
    add_items(execution, map, m, r[3], CHUNK, out)
    open = open + #out.ready + #out.cursors
    enqueue(execution, out, r[4], now, fields)
  end
  write_map(map, m, fields)
  fields[#fields + 1] = '@open'; fields[#fields + 1] = int(open)
end
run_no_more(execution, {status = status, run = tonumber(r[6])}, now, ARGV[8], ARGV[9], fields)
return {'ok', #out.ready > 0 and 1 or 0}
