#!lua flags=allow-oom
-- Cancel an execution: nothing new starts; what runs may still commit, and the last of it ends the execution.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 execution   3 reason   4 retention in ms   5 the same where a dead letter is left
-- Returns {'ok', how many attempts are running} | {'unknown'} | {'illegal', status}
-- Events  Y, X. Bound: a fixed number of keys.
local P = KEYS[1]
--@include clock
--@include event
--@include state
--@include finish
local execution, reason = ARGV[2], ARGV[3]
local X = P .. 'x:' .. execution
local h = redis.call('HMGET', X, '@st', '@run')
if not h[1] then return {'unknown'} end
if h[1] ~= 'running' and h[1] ~= 'scheduled' and h[1] ~= 'paused' and h[1] ~= 'failing' then return {'illegal', h[1]} end
if h[1] == 'scheduled' then redis.call('ZREM', P .. 't', 's|' .. execution) end
local now = clock(ARGV[1])
stamp(ARGV[1])
if h[2] == '0' then
  finish(execution, 'cancelled', now, ARGV[4], ARGV[5], {'@why', reason}, reason)
else
  redis.call('HSET', X, '@st', 'cancelling', '@why', reason)
  event('Y', execution .. '|' .. reason)
  redis.call('XADD', P .. 'ctl', 'MAXLEN', '~', 10000, '*', 'n', 'cancel|' .. execution .. '|' .. reason)
  redis.call('PEXPIRE', P .. 'ctl', 600000)
end
return {'ok', tonumber(h[2])}
