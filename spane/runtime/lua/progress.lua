#!lua
-- Record how far a running node has come.
-- KEYS  1 prefix      ARGV  1 now or ''   2 execution   3 node   4 token   5 done   6 total
-- Returns 1, or 0 where the attempt does not hold the node any more. Events  g. Bound: a fixed number of keys.
--@include clock
--@include event
--@include state
local text = redis.call('HGET', P .. 'x:' .. ARGV[2], ARGV[3])
if not text then return 0 end
local letter, holder = read_state(text)
if letter ~= 'R' or holder ~= ARGV[4] then return 0 end
stamp(ARGV[1])
event('g', ARGV[2] .. '|' .. ARGV[3] .. '|' .. ARGV[5] .. '|' .. ARGV[6])
return 1
