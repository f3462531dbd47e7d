-- Signals that came before anybody waited for them, first in, first out for each event. They stand in o:<execution>:
-- `@e:<event>` is `first|next`, the numbers of those that are kept, and `@e:<event>|<number>` the data of one.
--@include clock
local function kept_signals(execution, name)
  local kept = redis.call('HGET', P .. 'o:' .. execution, '@e:' .. name)
  if not kept then return 0, 0 end
  local first, next_one = string.match(kept, '^(%d+)|(%d+)$')
  return tonumber(first), tonumber(next_one)
end

local function keep_signal(execution, name, data)
  local first, next_one = kept_signals(execution, name)
  local field = '@e:' .. name
  redis.call('HSET', P .. 'o:' .. execution, field .. '|' .. int(next_one), data,
    field, int(first) .. '|' .. int(next_one + 1))
end

-- Returns the data of the oldest one and forgets it; nil without any.
local function take_signal(execution, name)
  local first, next_one = kept_signals(execution, name)
  if first == next_one then return nil end
  local O, field = P .. 'o:' .. execution, '@e:' .. name
  local data = redis.call('HGET', O, field .. '|' .. int(first))
  redis.call('HDEL', O, field .. '|' .. int(first))
  if first + 1 == next_one then redis.call('HDEL', O, field)
  else redis.call('HSET', O, field, int(first + 1) .. '|' .. int(next_one)) end
  return data
end
