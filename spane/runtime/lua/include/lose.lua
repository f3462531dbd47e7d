-- Take a node back from a worker that is gone. The first loss makes it a suspect; suspects run again together, since
-- a worker that dies holds many innocent ones. A second loss, or one of a node that was all its worker held, makes it
-- run alone and write a mark first: only a marked one is charged with a crash, and the third of those makes it a dead
-- letter. Its token is cleared, so a commit that comes later is fenced. What was held for the key of its limit did not run,
-- so it comes back as it was.
--@include event
--@include settle
--@include plan
local MOST_CRASHES = 3

local function crash_error(node, crashes)
  return '{"type":"spane.errors:WorkerLost","message":"The worker process died ' .. int(crashes)
    .. ' times while it ran this node. The node is a dead letter, so that it kills no more workers.","node":"'
    .. node .. '","attempt":' .. int(crashes) .. ',"traceback":"","retryable":false}'
end

local function lose(execution, node, token, now, kept_ms, dead_kept_ms, lone)
  local X = P .. 'x:' .. execution
  local r = redis.call('HMGET', X, node, '@st', '@pl', '@pr', '@open', '@run', '@sk')
  if not r[1] then return end
  local letter, holder, failures, crashes, since, flag = read_state(r[1])
  if letter ~= 'R' or holder ~= token then return end
  local h = {status = r[2], plan = r[3], priority = r[4], open = tonumber(r[5]), run = tonumber(r[6]), skips = r[7]}
  local _, _, queue, own, flags = read_profile(redis.call('HGET', P .. 'p:' .. h.plan, profile_field(node)))
  if flag ~= UNSORTED then
    if flag == 'm' then crashes = crashes + 1 end
    flag = (flag == '' and not lone) and 's' or 'a'
    event('l', execution .. '|' .. node .. '|' .. token .. '|' .. int(crashes))
  end
  if tonumber(crashes) >= MOST_CRASHES then
    local policy, came = policy_of(flags)
    local payload = crash_error(node, crashes)
    redis.call('HSET', P .. 'o:' .. execution, node, '!' .. payload)
    if not string.find(flags, 'i', 1, true) then
      redis.call('ZADD', P .. 'dl', int(now), execution .. '|' .. node)
      redis.call('HINCRBY', X, '@dl', 1)
    end
    event('f', execution .. '|' .. node .. '|' .. token .. '|' .. int(failures + 1) .. '|0|'
      .. policy .. '|' .. payload)
    local targets = h.status ~= 'cancelling' and targets_of(h.plan, node)
    local own_field = state('F', token, failures, crashes, since, '')
    local fields, _, status, tail, _, out = settle(execution, node, h, own_field, came, targets, now)
    tell_skipped(execution, out)
    if status == h.status then write_fields(X, fields)
    else finish(execution, status, now, kept_ms, dead_kept_ms, fields, tail) end
    end_slot(execution, node, token, h.plan, now)
    return
  end
  local aside = not may_start(h.status, node)
  if aside then put_aside(execution, 'node|' .. node, h.status)
  else push(lane_of(queue, flag), own ~= '' and own or h.priority, execution .. '|' .. node) end
  run_no_more(execution, h, now, kept_ms, dead_kept_ms, {node, state(aside and 'P' or 'Q', '', failures, crashes, now, flag)})
  end_slot(execution, node, token, h.plan, now)
end
