#!lua flags=allow-oom
-- Close a breaker whatever it has seen: failures are forgotten, and what waits at it goes on.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 the breaker's name
-- Returns 1, or 0 where there is none of that name
-- Events  K unless it is closed already; H. Bound: 100 nodes that wait at it, the rest by its timer.
--@include clock
--@include event
--@include breaker
local name = ARGV[2]
local B = P .. 'br:' .. name
if redis.call('EXISTS', B, B .. ':w') == 0 then return 0 end
local now = clock(ARGV[1])
stamp(ARGV[1])
local st = redis.call('HGET', B, 'st')
redis.call('DEL', B .. ':f')
redis.call('HSET', B, 'st', 'closed', 'probe', '', 'since', int(now))
redis.call('HDEL', B, 'until')
if st == 'open' or st == 'half' then event('K', '|' .. name) end
redis.call('ZREM', P .. 't', 'b|' .. name)
tend_breaker(name, now)
keep_breaker(name, now)
return 1
