#!lua flags=allow-oom
-- Keep a value that is too large to stand inline, until its execution retires. Sent right before the commit that
-- refers to it, and taken only from the attempt that may still commit.
-- KEYS  1 prefix      ARGV  1 execution   2 node   3 token, which names the value   4 value (opaque)
-- Returns 1, or 0 where the attempt does not hold the node any more. Appends no event.
--@include clock
--@include state
local X = P .. 'x:' .. ARGV[1]
local text = redis.call('HGET', X, ARGV[2])
if not text then return 0 end
local letter, holder = read_state(text)
if letter ~= 'R' or holder ~= ARGV[3] then return 0 end
redis.call('HSET', P .. 'b:' .. ARGV[1], ARGV[3], ARGV[4])
redis.call('HSET', X, '@b', '1')
return 1
