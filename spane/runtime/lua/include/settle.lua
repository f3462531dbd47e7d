-- Write what a finished attempt leads to: counts, children, and the end of the execution if this was the last.
--   own_field  the node's new state
--   came       what its children are told, as `release` takes it; nil if it failed for good
--   targets    what is released (of `targets_of`); false for none, and in an execution that is cancelled
-- A failure that is not gone on from turns a running execution into `failing`; what runs may still commit. Where nothing
-- new may start, what is released is one cursor, put aside for whoever resumes or heals.
-- `hand` is nil, or {token, queues} to lease one ready child straight to this worker.
-- Returns the fields to write, the child handed over or nil, the execution's status, the tail of its last event, whether
-- anything was queued, and what `tell_skipped` takes once the node's own event is out.
--@include event
--@include release
--@include finish
--@include items
--@include failed_items
--@include limit

-- While some type rests, children go by their queues, where that is seen.
local function higher_waits(queue, priority)
  local keys, n = {P .. 'rests'}, 1
  for p = 10, priority + 1, -1 do
    keys[n + 1], keys[n + 2] = queue_key(queue, p), queue_key(lane_of(queue, HANDED), p)
    n = n + 2
  end
  return redis.call('EXISTS', unpack(keys)) > 0
end

-- A child that is limited takes its slot when it is claimed.
local function choose(ready, hand, priority, plan)
  for i, target in ipairs(ready) do
    if target[4] == 0 and string.find(hand.queues, ',' .. target[2] .. ',', 1, true) then
      if higher_waits(target[2], tonumber(target[3] ~= '' and target[3] or priority)) then return nil end
      hand.profile = redis.call('HGET', plan, profile_field(target[1]))
      if limited(hand.profile) then return nil end
      table.remove(ready, i)
      return target[1]
    end
  end
end

-- The policy of a node that failed for good, by its flags, and what its children are told.
local function policy_of(flags)
  if string.find(flags, '[ik]') then return 'continue', RAN end
  if string.find(flags, 's', 1, true) then return 'skip', SKIPPED end
  return 'fail', nil
end

local function settle(execution, node, h, own_field, came, targets, now, hand)
  local X = P .. 'x:' .. execution
  local status, priority, open, run = h.status, h.priority, h.open, h.run
  local fields, out, given = {node, own_field}, found(h.skips), nil
  run = run - 1
  if not came then
    redis.call('RPUSH', P .. 'd:' .. execution, node)
    open = open - item_failed(X, node)
  end
  local what = came and (came.ran and 'c:' or 'y:') .. node
  local item = came and map_of(node)
  local behind = came and came.ran and '|' .. came.open .. '|' .. came.route or ''
  if item then
    open = open + end_item(execution, node, h, now, fields, out)
  elseif came and targets and status ~= 'running' then
    put_aside(execution, 'cursor|' .. execution .. '|' .. what .. '|0' .. behind, status)
    open = open + 1
  elseif came and targets then
    release(execution, P .. 'p:' .. h.plan, targets, execution .. '|' .. what .. '|1' .. behind, came, out)
    if #out.skipped > 0 then skip(execution, P .. 'p:' .. h.plan, out, fields, now) end
  end
  local released = #out.ready
  if hand and released > 0 then
    given = choose(out.ready, hand, priority, P .. 'p:' .. h.plan)
    if given then
      fields[#fields + 1] = given
      fields[#fields + 1] = state('R', hand.token, 0, 0, now, '')
      run = run + 1
    end
  end
  if #out.ready > 0 or #out.cursors > 0 then enqueue(execution, out, priority, now, fields) end
  open = open + released + #out.cursors
  open = open - 1
  fields[#fields + 1] = '@open'; fields[#fields + 1] = int(open)
  fields[#fields + 1] = '@run'; fields[#fields + 1] = int(run)
  local tail
  if status == 'running' then
    if not came then
      fields[#fields + 1] = '@bad'; fields[#fields + 1] = node
      if run > 0 then
        fields[#fields + 1] = '@st'; fields[#fields + 1] = 'failing'
        event('G', execution .. '|' .. node)
      else status, tail = 'failed', node end
    elseif open == 0 then status, tail = end_of(X) end
  elseif status == 'paused' then
    if not came then redis.call('HSETNX', X, '@bad', node) end
  elseif run == 0 and status == 'failing' then
    status, tail = 'failed', redis.call('HGET', X, '@bad')
  elseif run == 0 and status == 'cancelling' then
    status, tail = 'cancelled', redis.call('HGET', X, '@why') or ''
  elseif run == 0 and status == 'compensating' then
    status, tail = fate_of(X)
  end
  return fields, given, status, tail, (#out.ready > 0 or #out.cursors > 0 or out.roused) and 1 or 0, out
end
