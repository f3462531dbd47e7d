#!lua flags=allow-oom
-- Return claimed nodes that were not started: to the front of their queue, with nothing charged to them. An execution
-- that is paused keeps them parked, and so does one that is ending, which ends with the last of them.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 session   3 retention in ms   4 the same where a dead letter is left
--       5.. execution, node, token for each (at most 500)
-- Returns how many went back. Events  b, but for what was held for the key of its limit; k, U, C, F, X. Bound: the nodes given.
--@include clock
--@include event
--@include queue
--@include state
--@include finish
local now = clock(ARGV[1])
stamp(ARGV[1])
local session, returned, kept = ARGV[2], 0, {}
for i = #ARGV - 2, 5, -3 do
  local execution, node, token = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local r = redis.call('HMGET', P .. 'x:' .. execution, node, '@st', '@pl', '@pr', '@run')
  local letter, holder, failures, crashes, since, flag
  if r[1] then letter, holder, failures, crashes, since, flag = read_state(r[1]) end
  if letter == 'R' and holder == token then
    local h = {status = r[2], run = tonumber(r[5])}
    redis.call('HDEL', P .. 'w:' .. session, execution .. '|' .. node)
    if flag == 'm' then flag = 'a' end
    if flag ~= UNSORTED then event('b', execution .. '|' .. node .. '|' .. token) end
    local aside = not may_start(h.status, node)
    local _, _, queue, own = read_profile(redis.call('HGET', P .. 'p:' .. r[3], profile_field(node)))
    local priority = own ~= '' and own or r[4]
    if aside then
      put_aside(execution, 'node|' .. node, h.status)
    else
      push_front(lane_of(queue, flag), priority, execution .. '|' .. node)
    end
    run_no_more(execution, h, now, ARGV[3], ARGV[4], {node, state(aside and 'P' or 'Q', '', failures, crashes, now, flag)})
    if aside then end_slot(execution, node, token, r[3], now)
    else kept[#kept + 1] = {execution, node, token, r[3], priority, now} end
    returned = returned + 1
  end
end
for i = #kept, 1, -1 do keep_slot(unpack(kept[i])) end
return returned
