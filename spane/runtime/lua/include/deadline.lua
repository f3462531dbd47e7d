-- A deadline: an execution that has not ended so long after its beginning fails. How long is said by its plan, or by its
-- start in `@within`. `@end` is when, `@late` that it did.
--@include timer
--@include finish
local function set_deadline(execution, ms, plan, now, fields)
  fields[#fields + 1] = '@end'; fields[#fields + 1] = int(now + ms)
  set_timer('d|' .. execution, now + ms, redis.call('HGET', plan, 'queue') or 'default')
end

-- Fail an execution whose deadline has come. What runs is told to stop as in a cancel, children as well, and the last of it
-- ends the execution. One that is failing by a node already stays failed by that; one that is being cancelled, or compensates,
-- goes on with it.
local function overrun(execution, now, kept_ms, dead_kept_ms)
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, '@st', '@run', '@end', '@ch', '@pl', '@late')
  local fails = h[1] == 'failing' and not h[6]
  if (h[1] ~= 'running' and h[1] ~= 'paused' and not fails) or tonumber(h[3] or 'inf') > now then return end
  event('D', execution)
  if h[2] == '0' then
    return finish(execution, 'failed', now, kept_ms, dead_kept_ms, {'@bad', '', '@late', '1'}, '')
  end
  redis.call('HSET', X, '@late', '1')
  if not fails then
    redis.call('HSET', X, '@st', 'failing', '@bad', '')
    event('G', execution .. '|')
  end
  redis.call('XADD', P .. 'ctl', 'MAXLEN', '~', 10000, '*', 'n', 'cancel|' .. execution .. '|its deadline has come')
  redis.call('PEXPIRE', P .. 'ctl', 600000)
  if h[4] then tell_children(execution, h[5]) end
end
