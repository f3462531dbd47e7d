#!lua
-- Prepare a replay, in parts: copy results of one execution to another that is yet to begin, and note what it begins with.
-- Nobody sees it before `replay`; without that, what is written here expires.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 original   3 execution   4 how long to keep it in ms   5 how many nodes   6.. the nodes, then
--       entries of k:<execution>: `kept|node,node`, `node|node`, `cursor|cursor`
-- Returns {'ok'} | {'unknown'} no such original | {'changed', node} that has no result there
-- Appends no event. Bound: the nodes and entries given (at most 500 and 500), and their values.
--@include clock
--@include state
local original, execution, kept_ms, count = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local from, X, O = P .. 'o:' .. original, P .. 'x:' .. execution, P .. 'o:' .. execution
if redis.call('EXISTS', P .. 'x:' .. original) == 0 then return {'unknown'} end
local now, states, values, blobs = clock(ARGV[1]), {}, {}, {}
for i = 6, 5 + count do
  local node = ARGV[i]
  local text, value = redis.call('HGET', P .. 'x:' .. original, node), redis.call('HGET', from, node)
  local letter, failures = string.match(text or '', '^(%a)|[^|]*|(%d+)|')
  if letter ~= 'S' and (not value or (letter ~= 'D' and letter ~= 'F')) then return {'changed', node} end
  if value and string.byte(value) == 38 then blobs[#blobs + 1] = string.sub(value, 2) end
  states[#states + 1] = node; states[#states + 1] = state(letter, '', failures, 0, now, '')
  if value then values[#values + 1] = node; values[#values + 1] = value end
  local route = letter == 'D' and redis.call('HGET', from, '@r:' .. node)
  if route then values[#values + 1] = '@r:' .. node; values[#values + 1] = route end
end
-- Writes from here on.
for i = 6 + count, #ARGV do
  local node = string.match(ARGV[i], '^node|(.*)$')
  if node then states[#states + 1] = node; states[#states + 1] = state('P', '', 0, 0, now, '') end
  redis.call('RPUSH', P .. 'k:' .. execution, ARGV[i] .. '|replayed')
end
for _, token in ipairs(blobs) do
  redis.call('HSET', P .. 'b:' .. execution, token, redis.call('HGET', P .. 'b:' .. original, token) or '')
end
states[#states + 1] = '@kept'; states[#states + 1] = '1'
if #blobs > 0 then states[#states + 1] = '@b'; states[#states + 1] = '1' end
write_fields(X, states)
if #values > 0 then write_fields(O, values) end
for _, name in ipairs({'x:', 'o:', 'b:', 'k:'}) do redis.call('PEXPIRE', P .. name .. execution, kept_ms) end
return {'ok'}
