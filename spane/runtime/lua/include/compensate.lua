--@include queue
--@include state
-- What follows a failure or a cancel before it is final: the undo of every node that has one and succeeded, the last to
-- complete first, then the workflow's handler, where it failed. A child that had completed compensates when its parent does.
-- These steps are nodes of the plan that no other waits for.
-- One is queued at a time, by the transition that ended the one before, so a transition never has more than one to do.

-- What the handler is given as `@failed`. The error is written by a worker, or by a script, as JSON of its own.
local function tell_failure(execution, X)
  local O = P .. 'o:' .. execution
  local h = redis.call('HMGET', X, '@wf', '@bad', '@late')
  local node = h[2] or ''
  local error = node ~= '' and redis.call('HGET', O, node)
  error = error and string.byte(error) == 33 and string.sub(error, 2)
    or h[3] and '{"type":"spane.errors:DeadlineExceeded","message":"it had not ended by its deadline"}'
    or '{"type":"spane.errors:ExecutionFailed","message":"","node":"' .. node .. '"}'
  redis.call('HSET', O, '@failed', '{"execution":"' .. execution .. '","workflow":"' .. h[1] .. '","node":"' .. node
    .. '","error":' .. error .. '}')
end

-- Queue the next step of an execution that would end as `status`, and write `fields` with it; false if there is none left.
local function compensate(execution, status, now, fields)
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, '@pl', '@pr', '@fate', '@u', '@told')
  local plan = P .. 'p:' .. h[1]
  local done = h[4] and redis.call('RPOP', P .. 'u:' .. execution)
  local step = done and done .. '~undo' or (status == 'failed' and not h[5] and redis.call('HGET', plan, 'handler'))
  if not step then return false end
  local _, _, queue, own = read_profile(redis.call('HGET', plan, 'p:' .. step))
  for _, text in ipairs({'@st', 'compensating', '@fate', status, done and '@undone' or '@told', '1', step,
      state('Q', '', 0, 0, now, '')}) do fields[#fields + 1] = text end
  write_fields(X, fields)
  redis.call('HINCRBY', X, '@open', 1)
  if not done then tell_failure(execution, X) end
  if not h[3] then event('U', execution .. '|' .. status) end
  push(queue, own ~= '' and own or h[2], execution .. '|' .. step)
  return true
end

-- Take a node out of the dead letters, with what it left.
local function forget_letter(execution, node)
  if redis.call('ZREM', P .. 'dl', execution .. '|' .. node) == 1 then
    redis.call('HINCRBY', P .. 'x:' .. execution, '@dl', -1)
  end
  redis.call('HDEL', P .. 'o:' .. execution, node)
  -- What it waited for it waits for anew; but the items of a map have ended, and only their results are joined again.
  if redis.call('HEXISTS', P .. 'x:' .. execution, '@m:' .. node) == 0 then
    redis.call('HDEL', P .. 'o:' .. execution, '@w:' .. node)
  end
end

-- Have a step that failed run again: now, or after what runs by now. An execution that had ended compensates again, to the
-- same end.
local function retry_step(execution, step, status, now)
  local X = P .. 'x:' .. execution
  forget_letter(execution, step)
  event('d', execution .. '|' .. step .. '|' .. redis.call('HGET', X, '@g'))
  redis.call('HDEL', X, step)
  local undone = string.match(step, '^(.*)~undo$')
  if undone then
    redis.call('RPUSH', P .. 'u:' .. execution, undone)
    redis.call('HSET', X, '@u', '1')
  else
    redis.call('HDEL', X, '@told')
  end
  if status ~= 'compensating' then compensate(execution, status, now, {}) end
end

-- Forget that the handler heard of a failure, in an execution that goes on: it hears of the next one as well.
local function forget_handler(execution)
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, '@pl', '@told')
  redis.call('HDEL', X, '@fate')
  if not h[2] then return end
  local handler = redis.call('HGET', P .. 'p:' .. h[1], 'handler')
  forget_letter(execution, handler)
  redis.call('HDEL', X, handler, '@told')
  redis.call('HDEL', P .. 'o:' .. execution, '@failed')
end

-- How an execution ends that has compensated, and the tail of its last event.
local function fate_of(X)
  local h = redis.call('HMGET', X, '@fate', '@bad', '@why')
  if h[1] == 'failed' then return h[1], h[2] end
  return h[1], h[3] or ''
end
