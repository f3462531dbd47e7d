-- Lease a node to a session and gather all that a worker needs for it. The caller has checked that it may run.
-- Row: execution, node, token, plan, profile, failures, crashes, flag, priority, merged values (or false).
--@include merge
--@include state
local function lease(session, execution, node, token)
  redis.call('HSET', P .. 'w:' .. session, execution .. '|' .. node, token)
end

-- The fields of an item, or of what undoes it, with its number: what it was given, what it put out, what it waited for.
local function own_fields(node, fields)
  local map, number = string.match(node, '^([^#]+)(#%d+)')
  return (string.gsub(fields, '([^,#]*)#', function(before)
    return (before == '' and '#' .. map or before) .. number
  end))
end

local function row(execution, node, token, plan, profile, failures, crashes, flag, priority, merged)
  if merged == nil then
    local _, _, _, _, flags, fields = read_profile(profile)
    merged = merge(execution, flags, string.find(fields, '#', 1, true) and own_fields(node, fields) or fields)
  end
  return {execution, node, token, plan, profile, failures, crashes, flag, priority, merged}
end
