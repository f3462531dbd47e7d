-- Queue nodes whose timers came due together: each list gets all of its hints with one command, and a profile that several
-- of them share is read once.
--@include queue
--@include state
local DUE = {lists = {}, order = {}, profiles = {}}

local function line_up(queue, priority, hint)
  local key = queue_key(queue, priority)
  if not DUE.lists[key] then DUE.lists[key] = {}; DUE.order[#DUE.order + 1] = {key, queue} end
  local list = DUE.lists[key]
  list[#list + 1] = hint
end

local function profile_of(plan_hash, node)
  local at = plan_hash .. '|' .. node
  if not DUE.profiles[at] then DUE.profiles[at] = redis.call('HGET', P .. 'p:' .. plan_hash, profile_field(node)) end
  return DUE.profiles[at]
end

local function queue_all_due()
  for _, entry in ipairs(DUE.order) do
    redis.call('RPUSH', entry[1], unpack(DUE.lists[entry[1]]))
    wake(entry[2])
  end
end
