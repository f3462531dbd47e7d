-- Whether a hint stands where it should: the sweep looks into lists, but into few and short ones (`call.searches`).
--@include queue
--@include state
local LONGEST_SEARCHED, MOST_SEARCHES = 2000, 100

local function since_of(hint)
  local execution, node = string.match(hint, '^([^|]+)|(.+)$')
  local text = redis.call('HGET', P .. 'x:' .. execution, node)
  if not text then return 0 end
  local letter, _, _, _, since = read_state(text)
  return letter == 'Q' and tonumber(since) or 0
end

-- What was given back stands at the head though it is young, so a young head alone proves nothing. A list too long to
-- be searched is left: whatever stands in it waits anyway, and it will be searched when it has become shorter.
local function may_hold(list, hint)
  if call.searches >= MOST_SEARCHES or redis.call('LLEN', list) > LONGEST_SEARCHED then return true end
  call.searches = call.searches + 1
  return redis.call('LPOS', list, hint)
end

local function hint_is_lost(list, hint, since)
  local head = redis.call('LINDEX', list, 0)
  return not head or (since_of(head) > since + 1000 and not may_hold(list, hint))
end

-- A node that no worker fitted stands in one of its queue's lanes; if it does not, it is offered to all again.
local function unfit_hint_is_lost(queue, priority, hint)
  for _, lane in ipairs(redis.call('HKEYS', P .. 'unfit')) do
    if string.match(lane, '^[^@]+') == queue and may_hold(queue_key(lane, priority), hint) then return false end
  end
  return true
end
