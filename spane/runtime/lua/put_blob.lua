#!lua flags=allow-oom
-- Keep a value that is too large to stand inline, until its execution retires. Sent right before the commit that
-- refers to it; one whose commit is fenced goes with the execution.
-- KEYS  1 prefix      ARGV  1 execution   2 name   3 value (opaque)
-- Returns 1, or 0 where the execution is not here any more. Appends no event.
local P = KEYS[1]
if redis.call('EXISTS', P .. 'x:' .. ARGV[1]) == 0 then return 0 end
redis.call('HSET', P .. 'b:' .. ARGV[1], ARGV[2], ARGV[3])
redis.call('HSET', P .. 'x:' .. ARGV[1], '@b', '1')
return 1
