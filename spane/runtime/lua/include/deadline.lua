-- A deadline: an execution that has not ended so long after its beginning fails. How long is said by its plan, or by its
-- start in `@within`. `@end` is when, `@late` that it did.
--@include timer
--@include finish
local function set_deadline(execution, ms, plan, now, fields)
  fields[#fields + 1] = '@end'; fields[#fields + 1] = int(now + ms)
  set_timer('d|' .. execution, now + ms, redis.call('HGET', plan, 'queue') or 'default')
end

-- Fail an execution whose deadline has come. What runs is told to stop as in a cancel, children as well, and the last of it
-- ends the execution; one that is ending by itself already goes on with that.
local function overrun(execution, now, kept_ms, dead_kept_ms)
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, '@st', '@run', '@end', '@ch', '@pl')
  if (h[1] ~= 'running' and h[1] ~= 'paused') or tonumber(h[3] or 'inf') > now then return end
  event('D', execution)
  if h[2] == '0' then
    return finish(execution, 'failed', now, kept_ms, dead_kept_ms, {'@bad', '', '@late', '1'}, '')
  end
  redis.call('HSET', X, '@st', 'failing', '@bad', '', '@late', '1')
  event('G', execution .. '|')
  redis.call('XADD', P .. 'ctl', 'MAXLEN', '~', 10000, '*', 'n', 'cancel|' .. execution .. '|its deadline has come')
  redis.call('PEXPIRE', P .. 'ctl', 600000)
  if h[4] then tell_children(execution, h[5]) end
end
