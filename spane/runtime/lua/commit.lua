#!lua flags=allow-oom
-- Commit an attempt: its outcome, its children, the end of the execution, and the acknowledgement, in one step.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 session   3 execution   4 node   5 token   6 kind: s succeeded, f failed, r retry, u unfit,
--       k skipped, x cancelled
--       7 payload (opaque): output of s, error of f, r and x, fingerprint of u, why of k   8 attempt   9 duration in us
--       10 r: delay in ms; u: why   11 r: 1 if it costs a try, p if its type rests until then   12 token for a child   13 queues a child may be
--       handed over from, or ''   14 retention in ms   15 the same where a dead letter is left
--       16 s: branches that are open, `,b1,b2,`   17 s: children that a router chose, `,a,b,`, or ''
-- Returns {'ok', 1 if children were queued else 0} | {'ok', 0 or 1, row} with a child handed over | {'again'} this
--         attempt's commit is already in | {'fenced'} another attempt has the node | {'noblob'} `&token` is not
--         kept here: put it again, then commit | {'noplan'} the plan is not here: commit again later | {'gone'} no
--         such execution here
-- Events  s, f, r, x, k, v, c, z; g, G; U, C, F, X. Bound: 500 children, 500 join groups, the rest by cursor.
--@include clock
--@include event
--@include fence
--@include queue
--@include state
--@include merge
--@include plan
--@include release
--@include finish
--@include settle
--@include claim
--@include timer
stamp(ARGV[1])
local session, execution, node, token, kind, payload = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local attempt, duration = ARGV[8], ARGV[9]
local X = P .. 'x:' .. execution
local r = redis.call('HMGET', X, node, '@st', '@pl', '@pr', '@open', '@run', '@sk')
if not r[2] then
  redis.call('HDEL', P .. 'w:' .. session, execution .. '|' .. node)
  return {'gone'}
end
local letter, holder, failures, crashes, since, flag
if r[1] then letter, holder, failures, crashes, since, flag = read_state(r[1]) end
if holder ~= token then
  return fenced(execution, node, token)
end
if letter ~= 'R' then return {'again'} end
if kind == 's' and string.byte(payload) == 38 and redis.call('HEXISTS', P .. 'b:' .. execution, token) == 0 then
  return {'noblob'}
end
-- Without the plan nobody could tell this node's children from none, and the execution would end here.
local targets = targets_of(r[3], node)
if targets == nil and r[2] ~= 'cancelling' then
  plan_is_gone(execution, node, r[3])
  return {'noplan'}
end
local undoable = kind == 's' and has_undo(targets)
if r[2] == 'cancelling' then targets = false end
-- What was stopped by a deadline stays parked; where a cancel is no more (Redis has lost it), the node has another try.
if kind == 'x' and r[2] ~= 'cancelling' then kind = 'r' end
local now = clock(ARGV[1])
local h = {
  status = r[2], plan = r[3], priority = r[4], open = tonumber(r[5]), run = tonumber(r[6]), skips = r[7], undoable = undoable,
}
local facts = execution .. '|' .. node .. '|' .. token .. '|' .. attempt .. '|' .. duration
local name, queue, own, lasting, policy, came
if kind ~= 's' and kind ~= 'k' then
  local _, t, q, o, flags = read_profile(redis.call('HGET', P .. 'p:' .. h.plan, profile_field(node)))
  name, queue, own = t, q, o ~= '' and o or h.priority
  policy, came = policy_of(flags)
  lasting = not string.find(flags, 'i', 1, true)
end
-- Writes from here on.
redis.call('HDEL', P .. 'w:' .. session, execution .. '|' .. node)
if flag == UNSORTED then
  -- The key of its limit could not be worked out. That was an attempt of which nobody has heard yet; where nothing may start
  -- now, nobody will.
  if may_start(h.status, node) then
    event('c', session .. '|' .. execution .. '|' .. node .. '|' .. token .. '|' .. attempt)
  else
    put_aside(execution, 'node|' .. node, h.status)
    local fields = {node, state('P', token, failures, crashes, now, flag)}
    run_no_more(execution, h, now, ARGV[14], ARGV[15], fields)
    return {'ok', 0}
  end
end
if kind == 'r' or kind == 'u' or kind == 'x' then
  -- The node comes back: later by a timer, or to a worker that fits; or it was cancelled. An execution that is ending keeps it
  -- parked; a pause stops no timer.
  if ARGV[11] == '1' then failures = failures + 1 end
  if ARGV[11] == 'p' then rest(name, now + ARGV[10], queue) end
  if flag == 'm' then flag = 'a' end
  local again = kind == 'x' and 'C' or not may_start(h.status, node) and h.status ~= 'paused' and 'P' or kind == 'r' and 'T' or 'Q'
  local since = again == 'T' and now + tonumber(ARGV[10]) or now
  if kind == 'r' then event('r', facts .. '|' .. ARGV[10] .. '|' .. payload)
  elseif kind == 'x' then event('x', facts .. '|' .. payload)
  else event('k', execution .. '|' .. node .. '|' .. ARGV[10]) end
  if again == 'P' then
    put_aside(execution, 'node|' .. node, h.status)
  elseif again == 'T' then
    set_timer('n|' .. execution .. '|' .. node, since, queue)
  elseif again == 'Q' then
    redis.call('HSET', P .. 'unfit', queue .. '@' .. payload, ARGV[10])
    push(queue .. '@' .. payload, own, execution .. '|' .. node)
  end
  run_no_more(execution, h, now, ARGV[14], ARGV[15], {node, state(again, token, failures, crashes, since, flag)})
  end_slot(execution, node, token, h.plan, now)
  return {'ok', 0}
end
local succeeded, skipped = kind == 's', kind == 'k'
if not skipped then redis.call('HSET', P .. 'o:' .. execution, node, succeeded and payload or '!' .. payload) end
-- Whom a router chose is kept for replays; what became of its children does not tell.
if succeeded and ARGV[17] ~= '' then redis.call('HSET', P .. 'o:' .. execution, '@r:' .. node, ARGV[17]) end
if undoable then
  redis.call('RPUSH', P .. 'u:' .. execution, node)
  redis.call('HSET', X, '@u', '1')
end
if skipped then
  event('v', execution .. '|' .. node .. '|' .. token .. '|' .. attempt .. '|' .. duration .. '|' .. payload)
elseif not succeeded then
  event('f', facts .. '|' .. policy .. '|' .. payload)
  if lasting then
    redis.call('ZADD', P .. 'dl', int(now), execution .. '|' .. node)
    redis.call('HINCRBY', X, '@dl', 1)
  end
  failures = failures + 1
end
-- A session that was rescued meanwhile may get a child all the same: the sweep finds leases without a session.
local hand = succeeded and ARGV[13] ~= '' and {token = ARGV[12], queues = ',' .. ARGV[13] .. ','} or nil
local field = state(succeeded and 'D' or skipped and 'S' or 'F', token, failures, crashes, since, flag)
if succeeded then came = {ran = true, open = ARGV[16], route = ARGV[17]} elseif skipped then came = SKIPPED end
local fields, given, status, tail, queued, out = settle(execution, node, h, field, came, targets, now, hand)
-- The child handed over stands in the same entry, unless it runs because of what was skipped: then it is told after that.
local with = given and not out.told
if succeeded then event('s', facts .. '|' .. (with and given or '') .. '|' .. (with and ARGV[12] or '')) end
tell_skipped(execution, out)
if given and not with then event('c', session .. '|' .. execution .. '|' .. given .. '|' .. ARGV[12] .. '|1') end
if status == h.status then write_fields(X, fields)
else finish(execution, status, now, ARGV[14], ARGV[15], fields, tail) end
end_slot(execution, node, token, h.plan, now)
if given then
  lease(session, execution, given, ARGV[12])
  local child = hand.profile
  -- A child that takes this output and nothing else gets 1 for it: the worker still has what it sent.
  local merged = string.sub(child, -#node - 1) == ';' .. node and 1 or nil
  return {'ok', queued, row(execution, given, ARGV[12], h.plan, child, 0, 0, '', h.priority, merged)}
end
return {'ok', queued}
