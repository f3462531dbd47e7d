#!lua flags=allow-oom
-- Return claimed nodes that were not started: to the front of their queue, with nothing charged to them.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 session   3.. execution, node, token for each (at most 500)
-- Returns how many went back. Events  b. Bound: the nodes given.
local P = KEYS[1]
--@include clock
--@include event
--@include queue
--@include state
--@include release
--@include finish
--@include settle
local now = clock(ARGV[1])
stamp(ARGV[1])
local session, returned = ARGV[2], 0
for i = #ARGV - 2, 3, -3 do
  local execution, node, token = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local X = P .. 'x:' .. execution
  local r = redis.call('HMGET', X, node, '@st', '@pl', '@pr', '@run')
  local letter, holder, failures, crashes, since, flag
  if r[1] then letter, holder, failures, crashes, since, flag = read_state(r[1]) end
  if letter == 'R' and holder == token then
    redis.call('HDEL', P .. 'w:' .. session, execution .. '|' .. node)
    if flag == 'm' then flag = 's' end
    local fields = {node, state('Q', '', failures, crashes, now, flag), '@run', int(r[5] - 1)}
    local _, _, queue, own = read_profile(redis.call('HGET', P .. 'p:' .. r[3], 'p:' .. node))
    push_front(flag == '' and queue or queue .. '!', own ~= '' and own or r[4], execution .. '|' .. node)
    event('b', execution .. '|' .. node .. '|' .. token)
    redis.call('HSET', X, unpack(fields))
    returned = returned + 1
  end
end
return returned
