#!lua flags=allow-oom
-- Ask a breaker whether an attempt may call its node now. Where it half-opens, the first to ask is its probe.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 execution   3 node   4 token   5 the breaker's name
-- Returns {'closed'} | {'probe'} pass, and tell how it went | {'open', milliseconds until it lets one through, 0 where one
--         is under way} | {'fenced'} the attempt has the node no more
-- Events  H. Bound: a fixed number of keys.
--@include clock
--@include event
--@include breaker
local execution, node, token, name = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local B, me = P .. 'br:' .. name, execution .. '|' .. node .. '|' .. token
if not probe_runs(me) then return {'fenced'} end
local now = clock(ARGV[1])
stamp(ARGV[1])
local stands, left, probe = stands_at(name, now)
if stands == 'closed' then return {'closed'} end
if probe == me then return {'probe'} end
if stands == 'open' then
  redis.call('HINCRBY', B, 'refused', 1)
  return {'open', left}
end
redis.call('HSET', B, 'probe', me)
keep_breaker(name, now)
-- Should the probe come to nothing, the timer finds that out.
set_timer('b|' .. name, now + redis.call('HGET', B, 'timeout'), 'default')
return {'probe'}
