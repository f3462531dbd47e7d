-- Set a timer; if it is now the first one due, wake an idle worker of `queue`, which then knows how long to sleep.
--@include clock
--@include queue
local function set_timer(member, due, queue)
  redis.call('ZADD', P .. 't', int(due), member)
  local head = redis.call('ZRANGE', P .. 't', 0, 0)
  if head[1] == member then wake(queue) end
end
