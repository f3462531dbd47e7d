-- Let a node go on that awaits something: what came is put beside its inputs, and it is queued again. `came` begins with
-- a letter: t its time is over, e an event came, whose data follows, c a child has ended (descend.lua, undo.lua), m all items
-- of a map have, whose number follows; nil comes from a breaker, and is for nobody. Where nothing may start now, the node is put aside with what came.
-- Returns true if the node was waiting. `put` queues it, where many are roused together (include/due.lua).
--@include queue
--@include state
local function rouse(execution, node, came, now, put)
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, node, '@st', '@pl', '@pr')
  if not h[1] then return false end
  local letter, _, failures, crashes, _, flag = read_state(h[1])
  if letter ~= 'A' then return false end
  local ending = h[2] == 'failing' or h[2] == 'failed' or h[2] == 'compensating'
  if h[2] ~= 'running' and h[2] ~= 'paused' and not ending then return false end
  local waits = string.match(flag, '^[tb]')
  if waits == 't' and came ~= 't' then redis.call('ZREM', P .. 't', 'w|' .. execution .. '|' .. node) end
  if waits == 'b' then redis.call('HDEL', X, '@b:' .. node) end
  if came then redis.call('HSET', P .. 'o:' .. execution, '@w:' .. node, came) end
  flag = suspicion(flag)
  if not may_start(h[2], node) then
    redis.call('HSET', X, node, state('P', '', failures, crashes, now, flag))
    put_aside(execution, 'node|' .. node, h[2])
    return true
  end
  local _, _, queue, own = read_profile(redis.call('HGET', P .. 'p:' .. h[3], profile_field(node)))
  redis.call('HSET', X, node, state('Q', '', failures, crashes, now, flag))
  local line = put or push
  line(lane_of(queue, flag), own ~= '' and own or h[4], execution .. '|' .. node)
  return true
end
