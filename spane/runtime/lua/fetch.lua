#!lua flags=allow-oom
-- Fetch and claim: due timers become hints, one cursor moves on, and up to so many queued nodes are leased to a
-- session, highest priority first, with their merged inputs. A claim is not a start: no attempt is counted here. Besides
-- these, so many are leased whose limit goes by a key that the session is to work out (sort.lua), whether it has room or not.
-- KEYS  1 prefix
-- ARGV  1 now or ''   2 session   3 lease in ms   4 token base (each token is the base and a number)
--       5 queues of the threads, comma-separated   6 how many nodes for the threads
--       7 queues of the event loop   8 how many nodes for the event loop
--       9 queues of suspects that run alone   10 how many of those (0 or 1)   11 how many timers at most
--       12 retention in ms   13 the same where a dead letter is left   14 how long a node waits, in ms, for each
--       priority that it gains; 0 where nodes do not age   15 queues of what needs a key   16 how many of those at most
-- Returns {milliseconds to the next timer or -1, 1 if work was left for threads else 0, the same for the event loop, and
--         for what needs a key, row, row, ...}
-- Events  c, one for the batch, but for what needs its key; v, k, h; what comes due: D, G, H, L; children that follow: Y, p, u,
--         n; U, C, F, X. Bound: the nodes asked for or 500 hints, their parents up to 500 each, the timers, 500 children.
--@include clock
--@include event
--@include queue
--@include state
--@include park
--@include ageing
--@include merge
--@include release
--@include plan
--@include rouse
--@include promote
--@include finish
--@include offer
--@include spread
--@include claim
local now = clock(ARGV[1])
stamp(ARGV[1])
local session, lease_ms, base = ARGV[2], tonumber(ARGV[3]), ARGV[4]
redis.call('ZADD', P .. 'ses', int(now + lease_ms), session)
local moved = spread(now, ARGV[12], ARGV[13])
local next_due = promote(now, ARGV[11], ARGV[12], ARGV[13])
local rows, claimed, number = {}, {}, 0
local MOST_HINTS, MOST_CARRIED = 500, 262144
local carried = 0
local ageing_ms = tonumber(ARGV[14])

-- What needs its key carries its values as long as all of those together are small; the worker reads the others itself.
local function carry(flag)
  if flag == UNSORTED and carried > MOST_CARRIED then return false end
end

local function claim(hint, alone)
  local execution, node = string.match(hint, '^([^|]+)|(.+)$')
  if not execution then
    -- Nothing can be done for a hint that names nobody, but whoever put it there should hear of it.
    event('h', '|' .. string.gsub(string.sub(hint, 1, 200), '[^%w%p ]', '?'))
    return false
  end
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, node, '@st', '@pl', '@pr', '@run')
  if not h[1] then return false end
  local letter, _, failures, crashes, _, flag = read_state(h[1])
  if letter ~= 'Q' then return false end
  if flag == HANDED then flag = '' end
  local profile = redis.call('HGET', P .. 'p:' .. h[3], profile_field(node))
  if not may_start(h[2], node) then
    park(execution, node, h[2], failures, crashes, flag, now)
    local pool = pool_of(execution, node, profile)
    if pool then free_slot(pool, hint, '', now) end
    return false
  end
  if not profile then plan_is_gone(execution, node, h[3]); return false end
  if flag == 'a' and not alone then
    local _, _, queue, own = read_profile(profile)
    push(lane_of(queue, flag), own ~= '' and own or h[4], hint)
    return false
  end
  number = number + 1
  local token = token_for(execution, node, h, profile, base .. number, failures, crashes, flag, now)
  if not token then return false end
  redis.call('HSET', X, node, state('R', token, failures, crashes, now, flag), '@run', int(h[5] + 1))
  lease(session, execution, node, token)
  local found = row(execution, node, token, h[3], profile, failures, crashes, flag, h[4], carry(flag))
  rows[#rows + 1] = found
  if flag == UNSORTED then
    for _, value in ipairs(found[10] or {}) do carried = carried + (value and #value or 0) end
  else
    claimed[#claimed + 1] = execution .. '|' .. node .. '|' .. token .. '|' .. int(failures + 1)
  end
  return true
end

-- Returns 1 if it stopped because it had enough, so that more may be waiting; else the queues ran empty, and a token
-- that says otherwise is old.
local function take(queues, most, alone, ageing_ms)
  if most <= 0 or queues == '' then return 0 end
  local from = take_from(queues)
  local command, names, n = from.command, from.names, from.lists
  if ageing_ms > 0 then command = {unpack(command)} end
  local lists = ageing_ms > 0 and {unpack(command, 3, n + 2)}
  -- Hints of executions that have ended may stand in the lists by the thousand; a call drops so many of them.
  local left = MOST_HINTS
  while most > 0 and left > 0 do
    command[n + 5] = math.min(most, left)
    if lists then
      for i, list in ipairs(by_age(lists, #names, ageing_ms, now)) do command[i + 2] = list end
      command[n + 5] = 1
    end
    local popped = redis.call(unpack(command))
    if not popped then
      for _, queue in ipairs(names) do
        if wake_key(queue) == P .. 'wake:' .. queue then redis.call('DEL', wake_key(queue)) end
      end
      return 0
    end
    left = left - #popped[2]
    for _, hint in ipairs(popped[2]) do
      if claim(hint, alone) then most = most - 1 end
    end
  end
  for _, queue in ipairs(names) do wake(queue) end
  return 1
end

local left = take(ARGV[5], tonumber(ARGV[6]), false, ageing_ms)
local left_on_loop = take(ARGV[7], tonumber(ARGV[8]), false, ageing_ms)
take(ARGV[9], tonumber(ARGV[10]), true, ageing_ms)
local left_to_sort = take(ARGV[15], tonumber(ARGV[16]), false, 0)
if #claimed > 0 then event('c', session .. '|' .. table.concat(claimed, ';')) end
if moved then left, left_on_loop = 1, 1 end
return {next_due, left, left_on_loop, left_to_sort, unpack(rows)}
