#!lua flags=allow-oom
-- Write the start mark of a suspect that runs alone: if its worker dies now, the node is charged with the crash.
-- KEYS  1 prefix      ARGV  1 execution   2 node   3 token
-- Returns 1, or 0 where the attempt does not hold the node any more. Appends no event.
--@include clock
--@include state
local X = P .. 'x:' .. ARGV[1]
local text = redis.call('HGET', X, ARGV[2])
if not text then return 0 end
local letter, holder, failures, crashes, since = read_state(text)
if letter ~= 'R' or holder ~= ARGV[3] then return 0 end
redis.call('HSET', X, ARGV[2], state('R', holder, failures, crashes, since, 'm'))
return 1
