-- How many more may start now by the rate of a pool's rule (below 1: none), and when the next may, in ms.
-- Without a burst, `lim:<pool>:r` lists the starts of the last period, newest first, so that no period of any beginning ever
-- has more than `rate`. With one it is a bucket: the time at which it is full again.
-- What is ahead of the clock was written before the clock was set back.
--@include clock
local MOST_FORGOTTEN = 500
-- Keys expire by the server's clock, starts by the clock of the scripts, which may be another in a test.
local KEPT_LONGER_MS = 10000
-- When the bucket of a rule with a burst is full again.
local function full_at(R, rule, step, now)
  local full = tonumber(redis.call('GET', R) or 0)
  if full > now + rule.burst * step + 1000 then return now end
  return math.max(full, now)
end

local function by_rate(pool, rule, now)
  local R = P .. 'lim:' .. pool .. ':r'
  if rule.burst then
    local step = rule.period / rule.rate
    local full = full_at(R, rule, step, now)
    return math.floor(rule.burst - (full - now) / step), full - (rule.burst - 1) * step
  end
  local newest = tonumber(redis.call('LINDEX', R, 0) or now)
  if newest > now + 1000 or newest + rule.period <= now then redis.call('DEL', R) end
  local oldest = redis.call('LINDEX', R, -1)
  for _ = 1, MOST_FORGOTTEN do
    if not oldest or oldest + rule.period > now then break end
    redis.call('RPOP', R)
    oldest = redis.call('LINDEX', R, -1)
  end
  return rule.rate - redis.call('LLEN', R), (oldest or now) + rule.period
end

local function spend(pool, rule, now)
  if not rule.rate then return end
  local R = P .. 'lim:' .. pool .. ':r'
  if rule.burst then
    local step = rule.period / rule.rate
    local full = full_at(R, rule, step, now) + step
    redis.call('SET', R, string.format('%.3f', full), 'PX', int(math.ceil(full - now) + KEPT_LONGER_MS))
  else
    redis.call('LPUSH', R, int(now))
    redis.call('PEXPIRE', R, int(rule.period + KEPT_LONGER_MS))
  end
end
