#!lua
-- Forget a fingerprint once its queue has run empty, so that workers stop looking at it.
-- KEYS  1 prefix      ARGV  1 fingerprint   2.. queues it may stand in
-- Returns 1 if it is forgotten, 0 while nodes still wait for it. Appends no event. Bound: the queues given.
local P = KEYS[1]
--@include queue
for i = 2, #ARGV do
  for p = 1, 10 do
    if redis.call('EXISTS', queue_key(ARGV[i] .. '@' .. ARGV[1], p)) == 1 then return 0 end
  end
end
redis.call('HDEL', P .. 'unfit', ARGV[1])
return 1
