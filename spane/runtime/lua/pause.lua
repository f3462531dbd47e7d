#!lua flags=allow-oom
-- Pause an execution: nothing new starts. What runs may commit, and what that releases is put aside; the execution stays
-- paused, even with nothing left to do, until it is resumed or cancelled. Timers run on; what comes due is put aside.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 execution   3 reason
-- Returns {'ok', how many attempts are leased, of which those that were not begun go back} | {'unknown'} | {'illegal', status}
-- Events  p. Bound: a fixed number of keys.
local P = KEYS[1]
--@include event
local execution, reason = ARGV[2], ARGV[3]
local X = P .. 'x:' .. execution
local h = redis.call('HMGET', X, '@st', '@run')
if not h[1] then return {'unknown'} end
if h[1] ~= 'running' and h[1] ~= 'scheduled' then return {'illegal', h[1]} end
stamp(ARGV[1])
redis.call('HSET', X, '@st', 'paused', '@pause', reason)
-- One that has not begun is scheduled again by its resume, for the time that it was to begin at.
if h[1] == 'scheduled' then redis.call('HSET', X, '@held', '1') end
event('p', execution .. '|' .. reason)
if h[2] ~= '0' then
  redis.call('XADD', P .. 'ctl', 'MAXLEN', '~', 10000, '*', 'n', 'pause|' .. execution)
  redis.call('PEXPIRE', P .. 'ctl', 600000)
end
return {'ok', tonumber(h[2])}
