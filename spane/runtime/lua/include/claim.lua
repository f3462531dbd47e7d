-- Lease a node to a session and gather all that a worker needs for it. The caller has checked that it may run.
-- Row: execution, node, token, plan, profile, failures, crashes, flag, priority, merged values (or false).
--@include merge
--@include state
local function lease(session, execution, node, token)
  redis.call('HSET', P .. 'w:' .. session, execution .. '|' .. node, token)
end

local function row(execution, node, token, plan, profile, failures, crashes, flag, priority, merged)
  if not merged then
    local _, _, _, _, flags, fields = read_profile(profile)
    -- An item is given a value of its own, and what it waited for itself.
    if string.byte(fields) == 35 then fields = '#' .. node .. string.gsub(string.sub(fields, 2), '@w:[^,]*', '@w:' .. node) end
    merged = merge(execution, flags, fields)
  end
  return {execution, node, token, plan, profile, failures, crashes, flag, priority, merged}
end
