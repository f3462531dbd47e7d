-- The lists of some queues, `width` of them for each priority from 10 down, in the order in which their heads are due where
-- nodes age: each `step_ms` that a head has been queued raises it by one priority. Between equals, the higher list goes first.
--@include state
local function by_age(lists, width, step_ms, now)
  local rank, places = {}, {}
  for i, list in ipairs(lists) do
    local hint, gained = redis.call('LINDEX', list, 0), 0
    local execution, node = string.match(hint or '', '^([^|]+)|(.+)$')
    local text = execution and redis.call('HGET', P .. 'x:' .. execution, node)
    if text then
      local _, _, _, _, since = read_state(text)
      gained = math.floor(math.max(0, now - (since or now)) / step_ms)
    end
    rank[i], places[i] = 10 - math.floor((i - 1) / width) + gained, i
  end
  table.sort(places, function(a, b) return rank[a] > rank[b] or (rank[a] == rank[b] and a < b) end)
  local ordered = {}
  for i, place in ipairs(places) do ordered[i] = lists[place] end
  return ordered
end
