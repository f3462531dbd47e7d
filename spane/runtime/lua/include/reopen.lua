-- Let an execution go on that had ended, in a new generation: it expires no more, holds its plan and its start key again,
-- and is offered what was put aside when it failed (by the caller, once its own node is queued). Its deadline counts anew,
-- unless it only takes up `what_follows` its failure.
--@include event
--@include timer
--@include holding
--@include start_key
--@include limit
--@include tell_children
--@include deadline
--@include letters
--@include failed_items
local function reopen(execution, now, what_follows)
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, '@pl', '@wf', '@key', '@ch', '@lim', '@within', '@tn')
  -- A child that was not yet retired still holds its plan.
  if redis.call('PTTL', X) >= 0 then keep(execution, h[1]) end
  local start_key = start_key_of('key', h[2], h[7] or '', h[3] or '')
  local holder = h[3] and h[3] ~= '' and redis.call('GET', start_key)
  if holder and string.match(holder, '^[^|]+') == execution then redis.call('PERSIST', start_key) end
  redis.call('ZADD', P .. 'active', int(now), execution)
  redis.call('DEL', P .. 'r:' .. execution)
  redis.call('HDEL', X, '@t1', '@ev1', '@fate')
  redis.call('HSET', X, '@st', 'running')
  redis.call('HINCRBY', X, '@g', 1)
  local plan, fields = P .. 'p:' .. h[1], {}
  local deadline = h[6] or redis.call('HGET', plan, 'deadline')
  if deadline and not what_follows then
    set_deadline(execution, deadline, plan, now, fields)
    redis.call('HDEL', X, '@late')
    write_fields(X, fields)
  end
  -- It does not wait for its workflow's limit, but counts.
  if h[5] then grant(h[5], rule_of(h[5]) or {}, execution, '', now) end
  if h[4] then tell_children(execution, h[1]) end
end

-- Whether a node that failed in an execution of this status may be tried again: not where all of it is to stop.
local function can_go_on(status, late)
  return status == 'failed' or status == 'running' or status == 'paused' or (status == 'failing' and not late)
end

-- Let an execution go on that was failing, while something of it still runs. Its deadline may have come meanwhile.
local function fail_no_more(execution)
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, '@end', '@pl')
  redis.call('HSET', X, '@st', 'running')
  if h[1] then set_timer('d|' .. execution, h[1], redis.call('HGET', P .. 'p:' .. h[2], 'queue') or 'default') end
end

-- Take a node out of the dead letters. Another one of the execution that nobody has retried yet fails it in the end.
local function revive(execution, node)
  local X = P .. 'x:' .. execution
  forget_letter(execution, node)
  forget_handler(execution)
  redis.call('LREM', P .. 'd:' .. execution, 1, node)
  local bad = redis.call('LINDEX', P .. 'd:' .. execution, 0)
  if bad then redis.call('HSET', X, '@bad', bad) else redis.call('HDEL', X, '@bad') end
  event('d', execution .. '|' .. node .. '|' .. redis.call('HGET', X, '@g'))
  redis.call('HINCRBY', X, '@open', 1 + item_revived(X, node))
end
