#!lua
-- Store a part of a plan, once. Called in parts of a few hundred fields; the part with `total` comes last, and
-- a plan without it is not there yet. Writing a part twice changes nothing: a plan's name is its content's hash.
-- KEYS  1 prefix
-- ARGV  1 plan hash   2 milliseconds to keep it while no execution uses it   3.. field, value, ...
-- Returns 1. Appends no event. Bound: the part.
local plan = P .. 'p:' .. ARGV[1]
if redis.call('HEXISTS', plan, 'total') == 1 then return 1 end
redis.call('HSET', plan, unpack(ARGV, 3))
redis.call('PEXPIRE', plan, ARGV[2])
return 1
