#!lua
-- Wake an idle worker of a queue: a message for a user's own actor was put there.
-- KEYS  1 prefix      ARGV  1 queue
-- Returns 1. Appends no event. Bound: one key.
local P = KEYS[1]
--@include queue
wake(ARGV[1])
return 1
