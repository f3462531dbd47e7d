-- Queue nodes whose timers came due together: each list gets all of its hints with one command, and a profile that several
-- of them share is read once.
--@include queue
--@include state
local function due()
  if not call.due then call.due = {lists = {}, order = {}, profiles = {}} end
  return call.due
end

local function line_up(queue, priority, hint)
  local all, key = due(), queue_key(queue, priority)
  if not all.lists[key] then all.lists[key] = {}; all.order[#all.order + 1] = {key, queue} end
  local list = all.lists[key]
  list[#list + 1] = hint
end

local function profile_of(plan_hash, node)
  local profiles, at = due().profiles, plan_hash .. '|' .. node
  if not profiles[at] then profiles[at] = redis.call('HGET', P .. 'p:' .. plan_hash, profile_field(node)) end
  return profiles[at]
end

local function queue_all_due()
  if not call.due then return end
  for _, entry in ipairs(call.due.order) do
    redis.call('RPUSH', entry[1], unpack(call.due.lists[entry[1]]))
    wake(entry[2])
  end
end
