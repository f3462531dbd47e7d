-- Write what a finished attempt leads to: counts, children, and the end of the execution if this was the last.
--   own_field  the node's new state
--   goes_on    whether it succeeded, or failed with on_failure="continue"
--   targets    what is released then (of `targets_of`); false for none, and in an execution that is cancelled
-- A failure that is not gone on from turns a running execution into `failing`; what runs may still commit. Where nothing
-- new may start, what is released is one cursor, put aside for whoever resumes or heals.
-- `hand` is nil, or {token, queues} to lease one ready child straight to this worker.
-- Returns the fields to write, the child handed over or nil, the execution's status, the tail of its last event, and
-- whether anything was queued.
local function higher_waits(queue, priority)
  if priority >= 10 then return false end
  local keys, n = {}, 0
  local stem = P .. 'q:' .. queue .. ':'
  for p = 10, priority + 1, -1 do n = n + 1; keys[n] = stem .. p end
  return redis.call('EXISTS', unpack(keys)) > 0
end

local function choose(ready, hand, priority)
  for i, target in ipairs(ready) do
    if target[4] == 0 and string.find(hand.queues, ',' .. target[2] .. ',', 1, true) then
      if higher_waits(target[2], tonumber(target[3] ~= '' and target[3] or priority)) then return nil end
      table.remove(ready, i)
      return target[1]
    end
  end
end

local function settle(execution, node, h, own_field, goes_on, targets, now, hand)
  local X = P .. 'x:' .. execution
  local status, priority, open, run = h.status, h.priority, h.open, h.run
  local fields, ready, cursors, given = {node, own_field}, {}, {}, nil
  run = run - 1
  if not goes_on then redis.call('RPUSH', P .. 'd:' .. execution, node) end
  if goes_on and targets and status ~= 'running' then
    put_aside(execution, 'cursor|' .. execution .. '|c:' .. node .. '|0', status)
    open = open + 1
  elseif goes_on and targets then
    release(execution, P .. 'p:' .. h.plan, targets, execution .. '|c:' .. node .. '|1', ready, cursors)
    local released = #ready
    if hand and released > 0 then
      given = choose(ready, hand, priority)
      if given then
        fields[#fields + 1] = given
        fields[#fields + 1] = state('R', hand.token, 0, 0, now, '')
        run = run + 1
      end
    end
    if #ready > 0 then enqueue(execution, ready, priority, now, fields) end
    for _, cursor in ipairs(cursors) do redis.call('RPUSH', P .. 'sp', cursor) end
    open = open + released + #cursors
  end
  open = open - 1
  fields[#fields + 1] = '@open'; fields[#fields + 1] = int(open)
  fields[#fields + 1] = '@run'; fields[#fields + 1] = int(run)
  local tail
  if status == 'running' then
    if not goes_on then
      fields[#fields + 1] = '@bad'; fields[#fields + 1] = node
      if run > 0 then
        fields[#fields + 1] = '@st'; fields[#fields + 1] = 'failing'
        event('G', execution .. '|' .. node)
      else status, tail = 'failed', node end
    elseif open == 0 then status, tail = end_of(X) end
  elseif status == 'paused' then
    if not goes_on then redis.call('HSETNX', X, '@bad', node) end
  elseif run == 0 and status == 'failing' then
    status, tail = 'failed', redis.call('HGET', X, '@bad')
  elseif run == 0 and status == 'cancelling' then
    status, tail = 'cancelled', redis.call('HGET', X, '@why') or ''
  end
  return fields, given, status, tail, (#ready > 0 or #cursors > 0) and 1 or 0
end
