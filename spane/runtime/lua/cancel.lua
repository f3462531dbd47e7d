#!lua flags=allow-oom
-- Cancel an execution: nothing new starts; what runs may still commit, and the last of it ends the execution. Its children
-- are cancelled by cursor.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 execution   3 reason   4 retention in ms   5 the same where a dead letter is left
-- Returns {'ok', how many attempts and children are running} | {'unknown'} | {'illegal', status}
-- Events  Y; k, U, C, F, X. Bound: a fixed number of keys, and 200 timers.
--@include clock
--@include event
--@include cancel
stamp(ARGV[1])
return cancel(ARGV[2], ARGV[3], clock(ARGV[1]), ARGV[4], ARGV[5])
