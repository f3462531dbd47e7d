#!lua
-- Keep a part of the values that a map goes over, each for its item, until that has ended. Taken only from the attempt that
-- may still commit; writing a part twice changes nothing.
-- KEYS  1 prefix      ARGV  1 execution   2 map   3 token   4 index of the first   5.. values (opaque)
-- Returns 1, or 0 where the attempt does not hold the node any more. Appends no event. Bound: the values given.
--@include clock
--@include state
local execution, map, first = ARGV[1], ARGV[2], tonumber(ARGV[4])
local text = redis.call('HGET', P .. 'x:' .. execution, map)
if not text then return 0 end
local letter, holder = read_state(text)
if letter ~= 'R' or holder ~= ARGV[3] then return 0 end
local fields = {}
for i = 5, #ARGV do
  fields[#fields + 1] = '#' .. map .. '#' .. int(first + i - 5)
  fields[#fields + 1] = ARGV[i]
end
write_fields(P .. 'o:' .. execution, fields)
return 1
