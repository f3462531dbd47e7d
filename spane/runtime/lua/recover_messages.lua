#!lua
-- Return messages of a user's own actors that a dead broker process had fetched. Dramatiq does the same by chance, once
-- in a thousand calls and by way of KEYS; this looks only at the queues it is told of.
-- KEYS  1 Dramatiq's namespace
-- ARGV  1 now in ms   2 heartbeat timeout in ms   3.. queues
-- Returns how many messages went back. Appends no event. Bound: 100 dead processes, 500 messages of each queue of each.
local namespace = KEYS[1]
local dead = redis.call('ZRANGEBYSCORE', namespace .. ':__heartbeats__', '-inf', ARGV[1] - ARGV[2], 'LIMIT', 0, 100)
local returned = 0
for _, worker in ipairs(dead) do
  local holds = false
  for i = 3, #ARGV do
    local held = namespace .. ':__acks__.' .. worker .. '.' .. ARGV[i]
    for _, id in ipairs(redis.call('SPOP', held, 500)) do
      if redis.call('HEXISTS', namespace .. ':' .. ARGV[i] .. '.msgs', id) == 1 then
        redis.call('RPUSH', namespace .. ':' .. ARGV[i], id)
        returned = returned + 1
      end
    end
    holds = holds or redis.call('EXISTS', held) == 1
  end
  if not holds then redis.call('ZREM', namespace .. ':__heartbeats__', worker) end
end
return returned
