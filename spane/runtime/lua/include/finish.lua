-- How an execution ends that has nothing left to do: a dead letter that was left when another was retried fails it.
local function end_of(X)
  local bad = redis.call('HGET', X, '@bad')
  if bad then return 'failed', bad end
  return 'completed'
end

-- End an execution: its last write, one terminal event a generation, and the clocks of what it leaves behind.
-- Touches a fixed number of keys at any graph size. `fields` of x:<execution> are written along. Its keys stay for
-- `kept_ms`, or `dead_kept_ms` where a dead letter may still need them.
local function finish(execution, status, now, kept_ms, dead_kept_ms, fields, tail)
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, '@g', '@key', '@pl', '@wf', '@dl', '@b', '@k')
  if h[5] and h[5] ~= '0' then kept_ms = dead_kept_ms end
  fields[#fields + 1] = '@st'; fields[#fields + 1] = status
  fields[#fields + 1] = '@t1'; fields[#fields + 1] = int(now)
  write_fields(X, fields)
  local letter = status == 'completed' and 'C' or status == 'failed' and 'F' or 'X'
  event(letter, execution .. '|' .. h[1] .. (tail and '|' .. tail or ''))
  redis.call('ZREM', P .. 'active', execution)
  redis.call('RPUSH', P .. 'r:' .. execution, status)
  redis.call('PEXPIRE', P .. 'r:' .. execution, 60000)
  redis.call('PEXPIRE', X, kept_ms)
  redis.call('PEXPIRE', P .. 'o:' .. execution, kept_ms)
  redis.call('PEXPIRE', P .. 'j:' .. execution, kept_ms)
  if h[6] then redis.call('PEXPIRE', P .. 'b:' .. execution, kept_ms) end
  if h[7] then redis.call('PEXPIRE', P .. 'k:' .. execution, kept_ms) end
  if h[5] then redis.call('PEXPIRE', P .. 'd:' .. execution, kept_ms) end
  if h[2] and h[2] ~= '' then redis.call('PEXPIRE', P .. 'key:' .. h[4] .. ':' .. h[2], 86400000) end
  -- The plan stays as long as what was made of it, and a day more; one that was deleted must not come back as a count.
  local plan = P .. 'p:' .. h[3]
  if redis.call('HEXISTS', plan, 'total') == 1 then
    local stays = math.max(now + kept_ms + 86400000, tonumber(redis.call('HGET', plan, 'until') or 0))
    redis.call('HSET', plan, 'until', int(stays))
    if redis.call('HINCRBY', plan, 'refs', -1) <= 0 then redis.call('PEXPIRE', plan, int(stays - now)) end
  end
end

-- Write the `fields` of an attempt that ended without an outcome and so runs no more. In an execution that is ending,
-- the last of those ends it. `h` is its status and how many attempts ran with this one.
local function run_no_more(execution, h, now, kept_ms, dead_kept_ms, fields)
  fields[#fields + 1] = '@run'; fields[#fields + 1] = int(h.run - 1)
  local X = P .. 'x:' .. execution
  if h.run > 1 or (h.status ~= 'failing' and h.status ~= 'cancelling') then
    redis.call('HSET', X, unpack(fields))
  elseif h.status == 'failing' then
    finish(execution, 'failed', now, kept_ms, dead_kept_ms, fields, redis.call('HGET', X, '@bad'))
  else
    finish(execution, 'cancelled', now, kept_ms, dead_kept_ms, fields, redis.call('HGET', X, '@why') or '')
  end
end
