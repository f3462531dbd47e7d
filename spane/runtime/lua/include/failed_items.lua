-- A map with items that failed it cannot end before their dead letters are retried, so it does not count as open: an
-- execution in which nothing else is left to do has failed by them. `@f:<map>` of x:<execution> counts these items.
--@include state

-- Returns how many more are open no longer, besides the item.
local function item_failed(X, node)
  local map = map_of(node)
  return map and redis.call('HINCRBY', X, '@f:' .. map, 1) == 1 and 1 or 0
end

-- Returns how many more are open again, besides the item.
local function item_revived(X, node)
  local map = map_of(node)
  return map and redis.call('HINCRBY', X, '@f:' .. map, -1) == 0 and 1 or 0
end
