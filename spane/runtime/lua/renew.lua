#!lua flags=allow-oom
-- Renew the lease of a session: two writes, however much it holds. What waits for a limit ages as the last session to
-- renew says (include/limit.lua).
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 session   3 lease in ms   4 last control notice seen, or '0'   5 what it serves, to be shown
--       6 notices at most   7 in how many ms of waiting a node gains a priority, 0 or nothing where it gains none
-- Returns {1 if the session was still alive else 0, number of fingerprints nobody fitted, how many attempts the session
--         holds, notice id, notice, ...} where a notice is `cancel|execution|reason`, `pause|execution` or `gone||plan`.
-- Appends no event. Bound: the notices asked for.
--@include clock
local now = clock(ARGV[1])
redis.call('HSET', P .. 'lease', ARGV[2], ARGV[3] .. '|' .. ARGV[5])
local step = (ARGV[7] or '0') ~= '0' and ARGV[7]
if redis.call('GET', P .. 'ageing') ~= step then
  if step then redis.call('SET', P .. 'ageing', step) else redis.call('DEL', P .. 'ageing') end
end
local alive = redis.call('ZSCORE', P .. 'ses', ARGV[2]) and 1 or 0
redis.call('ZADD', P .. 'ses', int(now + ARGV[3]), ARGV[2])
local reply = {alive, redis.call('HLEN', P .. 'unfit'), redis.call('HLEN', P .. 'w:' .. ARGV[2])}
for _, entry in ipairs(redis.call('XRANGE', P .. 'ctl', '(' .. ARGV[4], '+', 'COUNT', ARGV[6])) do
  reply[#reply + 1] = entry[1]
  reply[#reply + 1] = entry[2][2]
end
return reply
