-- Let the children of an execution follow what it has become: a cursor goes over them (include/children.lua). It does
-- not count as open.
--@include queue
local function tell_children(execution, plan_hash)
  redis.call('RPUSH', P .. 'sp', execution .. '|children|0')
  wake(redis.call('HGET', P .. 'p:' .. plan_hash, 'queue') or 'default')
end
