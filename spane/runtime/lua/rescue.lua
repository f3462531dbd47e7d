#!lua flags=allow-oom
-- Take over from sessions whose lease ran out: each of their attempts goes back to its queue, at most so many a call.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 attempts at most   3 retention in ms   4 retention where a dead letter is left, in ms
--       5 the caller's own lease in ms
-- Returns how many attempts were taken back; call again at once while it is not 0.
-- Events  l, f, v, g, G; k, U, C, F, X. Bound: the attempts asked for.
--@include clock
--@include event
--@include queue
--@include state
--@include release
--@include plan
--@include finish
--@include settle
--@include lose
local now = clock(ARGV[1])
stamp(ARGV[1])
-- A lease that ends later than it is long was renewed before the clock was set back: without this, the dead would be
-- taken for alive for as long.
for _, session in ipairs(redis.call('ZRANGEBYSCORE', P .. 'ses', int(now + ARGV[5] + 1000), '+inf', 'LIMIT', 0, 100)) do
  local ends = now + string.match(redis.call('HGET', P .. 'lease', session) or ARGV[5], '^%d+')
  if tonumber(redis.call('ZSCORE', P .. 'ses', session)) > ends + 1000 then
    redis.call('ZADD', P .. 'ses', int(ends), session)
  end
end
local dead = redis.call('ZRANGEBYSCORE', P .. 'ses', '-inf', int(now), 'LIMIT', 0, 1)
if #dead == 0 then return 0 end
local held = P .. 'w:' .. dead[1]
-- Whether one node was all that it may have run; what it held for the key of a limit did not run.
local function held_one()
  local ran = 0
  for _, hint in ipairs(redis.call('HLEN', held) <= 200 and redis.call('HKEYS', held) or {}) do
    local execution, node = string.match(hint, '^([^|]+)|(.+)$')
    local _, _, _, _, _, flag = read_state(redis.call('HGET', P .. 'x:' .. execution, node) or '')
    if flag ~= UNSORTED then ran = ran + 1 end
    if ran > 1 then return false end
  end
  return ran == 1
end

local lone = held_one()
-- The first buckets of a large hash may be empty already; go on until there is something, or nothing is left.
local cursor, attempts, looked = '0', {}, 0
repeat
  local page = redis.call('HSCAN', held, cursor, 'COUNT', ARGV[2])
  cursor, attempts, looked = page[1], page[2], looked + 1
until #attempts > 0 or cursor == '0' or looked == 100
local taken = 0
for i = 1, #attempts, 2 do
  local execution, node = string.match(attempts[i], '^([^|]+)|(.+)$')
  redis.call('HDEL', held, attempts[i])
  lose(execution, node, attempts[i + 1], now, ARGV[3], ARGV[4], lone)
  taken = taken + 1
end
if redis.call('EXISTS', held) == 0 then
  redis.call('ZREM', P .. 'ses', dead[1])
  redis.call('HDEL', P .. 'lease', dead[1])
  return math.max(taken, 1)
end
return taken
