-- Record a commit that comes from an attempt which has lost its node. One that comes after the execution has ended is the
-- last of its events then (`@ev1`).
--@include event
local function fenced(execution, node, token)
  local X, entry = P .. 'x:' .. execution, event('z', execution .. '|' .. node .. '|' .. token)
  if redis.call('HEXISTS', X, '@ev1') == 1 then redis.call('HSET', X, '@ev1', entry) end
  return {'fenced'}
end
