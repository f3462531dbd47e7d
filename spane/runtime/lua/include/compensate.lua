--@include event
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

-- How an execution ends that has compensated, and the tail of its last event.
local function fate_of(X)
  local h = redis.call('HMGET', X, '@fate', '@bad', '@why')
  if h[1] == 'failed' then return h[1], h[2] end
  return h[1], h[3] or ''
end
