#!lua
-- Resume a paused execution: offer again what was put aside, 500 at once and the rest by cursor. One that has not begun is
-- scheduled again for its time; one in which a node failed meanwhile fails; one with nothing left to do completes. Children
-- that were paused with it are resumed by cursor.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 execution   3 retention in ms   4 the same where a dead letter is left
-- Returns {'ok', the status it has now} | {'unknown'} | {'illegal', status}
-- Events  u, n, G; k, U, C, F, X. Bound: 500 nodes and cursors that were put aside.
--@include clock
--@include event
--@include resume
stamp(ARGV[1])
return resume(ARGV[2], clock(ARGV[1]), ARGV[3], ARGV[4])
