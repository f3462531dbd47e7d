#!lua
-- Signal an event to an execution: the first of its nodes that wait for it goes on with the data; where none does yet, the
-- signal is kept for one that will.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 execution   3 event   4 the signal's own id, told apart from others by it   5 data (opaque)
--       6 how many are kept of one event at most
-- Returns {'ok', 'taken' or 'kept'} | {'again', the same} a signal of this id came before | {'unknown'} | {'illegal', status}
--         | {'noevent'} no node of the plan waits for it | {'full'} | {'noplan', plan} the plan is not here
-- Events  i. Bound: the nodes of the plan that wait for the event, at most 500.
--@include clock
--@include event
--@include queue
--@include state
--@include rouse
--@include signals
local execution, name, id, data = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local X, O = P .. 'x:' .. execution, P .. 'o:' .. execution
local h = redis.call('HMGET', X, '@st', '@pl')
local status = h[1]
if not status then return {'unknown'} end
local before = redis.call('HGET', O, '@i:' .. id)
if before then return {'again', before} end
if status ~= 'running' and status ~= 'scheduled' and status ~= 'paused' and status ~= 'failing' then
  return {'illegal', status}
end
local listed = redis.call('HGET', P .. 'p:' .. h[2], 'e:' .. name)
if not listed then
  if redis.call('HEXISTS', P .. 'p:' .. h[2], 'total') == 0 then return {'noplan', h[2]} end
  return {'noevent'}
end
local names, waiting = {}, nil
for node in string.gmatch(listed, '[^,]+') do names[#names + 1] = node end
for i, text in ipairs(redis.call('HMGET', X, unpack(names))) do
  if text and string.sub(text, 1, 1) == 'A' then waiting = names[i]; break end
end
local first, next_one = kept_signals(execution, name)
if not waiting and next_one - first >= tonumber(ARGV[6]) then return {'full'} end
-- Writes from here on.
local now = clock(ARGV[1])
stamp(ARGV[1])
local became = waiting and 'taken' or 'kept'
redis.call('HSET', O, '@i:' .. id, became)
event('i', execution .. '|' .. name .. '|' .. id .. '|' .. (waiting or ''))
if waiting then rouse(execution, waiting, 'e' .. data, now)
else keep_signal(execution, name, data) end
return {'ok', became}
