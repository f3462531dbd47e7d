#!lua
-- Wake an idle worker of a queue: a message for a user's own actor was put there.
-- KEYS  1 prefix      ARGV  1 queue
-- Returns 1. Appends no event. Bound: one key.
local key = KEYS[1] .. 'wake:' .. ARGV[1] .. ':m'
if redis.call('EXISTS', key) == 0 then redis.call('RPUSH', key, '1') end
return 1
