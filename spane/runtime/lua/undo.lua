#!lua flags=allow-oom
-- Commit an attempt at the step that undoes a node which ran a workflow: the last child of the node that has completed
-- compensates, and the step waits for its end without a worker, as the node did (descend.lua). When that has come, the step
-- is queued again, with `ccancelled|<child>|<number>` as what came, and undoes the child before: its number is one less.
-- Where none is left, it is queued at once, with the number 0.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 session   3 execution   4 step   5 token   6 retention in ms   7 the same where a dead letter is left
-- Returns {'ok', 1} | {'again'} this attempt's commit is already in | {'fenced'} another attempt has the step
--         | {'gone'} no such execution here
-- Events  a, z; k, U, C, F, X. Bound: a fixed number of keys.
--@include clock
--@include event
--@include fence
--@include queue
--@include state
--@include rouse
--@include reopen
--@include finish
local session, execution, step, token = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local X, node = P .. 'x:' .. execution, string.match(ARGV[4], '^(.*)~undo$')
local r = redis.call('HMGET', X, step, '@st', '@run', '@fate', '@u:' .. node)
stamp(ARGV[1])
if not r[2] then
  redis.call('HDEL', P .. 'w:' .. session, execution .. '|' .. step)
  return {'gone'}
end
local letter, holder, failures, crashes
if r[1] then letter, holder, failures, crashes = read_state(r[1]) end
if holder ~= token then
  return fenced(execution, step, token)
end
if letter ~= 'R' then return {'again'} end
local child, number = string.match(r[5] or '', '^([^|]+)|(%d+)$')
local CX = P .. 'x:' .. (child or '')
local c = child and redis.call('HMGET', CX, '@st', '@before') or {}
-- Writes from here on.
local now = clock(ARGV[1])
redis.call('HDEL', P .. 'w:' .. session, execution .. '|' .. step)
redis.call('HDEL', P .. 'o:' .. execution, '@w:' .. step)
event('a', execution .. '|' .. step .. '|' .. token .. '||'
  .. (child and 'execution ' .. child .. ' to undo what it did' or 'nothing, all is undone'))
if not child then
  local field = state('A', token, failures, crashes, now, '')
  run_no_more(execution, {status = r[2], run = tonumber(r[3])}, now, ARGV[6], ARGV[7], {step, field})
  rouse(execution, step, 'cnone||0', now)
  return {'ok', 1}
end
redis.call('HSET', X, step, state('A', token, failures, crashes, now, 'c'), '@c:' .. step, child .. '|' .. number)
if c[2] then redis.call('HSET', X, '@u:' .. node, c[2]) else redis.call('HDEL', X, '@u:' .. node) end
if c[1] ~= 'completed' then
  ascend(child, execution .. '|' .. step, c[1] or 'gone', now, ARGV[6], ARGV[7])
  return {'ok', 1}
end
local why = 'what it did is undone, because ' .. execution .. (r[4] == 'failed' and ' failed' or ' was cancelled')
redis.call('HSET', CX, '@up', execution .. '|' .. step)
reopen(child, now, true)
finish(child, 'cancelled', now, ARGV[6], ARGV[7], {'@why', why}, why)
return {'ok', 1}
