#!lua flags=allow-oom
-- Pause an execution: nothing new starts. What runs may commit, and what that releases is put aside; the execution stays
-- paused, even with nothing left to do, until it is resumed or cancelled. Timers run on; what comes due is put aside. Its
-- children are paused by cursor.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 execution   3 reason
-- Returns {'ok', how many attempts are leased, of which those that were not begun go back, and children that run}
--         | {'unknown'} | {'illegal', status}
-- Events  p. Bound: a fixed number of keys.
--@include clock
--@include event
--@include pause
stamp(ARGV[1])
return pause(ARGV[2], ARGV[3], false)
