-- Offer again what was put aside of an execution that goes on: nodes to their queues, cursors to `sp`; what a replay keeps
-- becomes an event. At most CHUNK of them; a cursor `execution|k|0` stands for the rest. It does not count as open: what it stands for does.
--@include event
--@include queue
--@include state
--@include release
local function offer(execution, plan_hash, priority, now)
  local X, K, plan = P .. 'x:' .. execution, P .. 'k:' .. execution, P .. 'p:' .. plan_hash
  local names, moved = {}, false
  for _, entry in ipairs(redis.call('LPOP', K, CHUNK) or {}) do
    local kind, what = string.match(entry, '^(%a+)|(.*)|%a+$')
    if kind == 'node' then names[#names + 1] = what
    elseif kind == 'kept' then event('n', execution .. '|' .. what)
    else redis.call('RPUSH', P .. 'sp', what); moved = true end
  end
  if redis.call('LLEN', K) > 0 then redis.call('RPUSH', P .. 'sp', execution .. '|k|0'); moved = true
  else redis.call('HDEL', X, '@k') end
  if moved then wake(redis.call('HGET', plan, 'queue') or 'default') end
  if #names == 0 then return end
  local texts, asked = redis.call('HMGET', X, unpack(names)), {}
  for i, name in ipairs(names) do asked[i] = profile_field(name) end
  local profiles = redis.call('HMGET', plan, unpack(asked))
  local lists, order, fields, seen = {}, {}, {}, {}
  for i, name in ipairs(names) do
    local letter, _, failures, crashes, _, flag
    if texts[i] then letter, _, failures, crashes, _, flag = read_state(texts[i]) end
    if letter == 'P' and not seen[name] then
      seen[name] = true
      local _, _, queue, own = read_profile(profiles[i] or nil)
      local lane = lane_of(queue, flag)
      local key = queue_key(lane, own ~= '' and own or priority)
      if not lists[key] then lists[key] = {}; order[#order + 1] = {key, lane} end
      lists[key][#lists[key] + 1] = execution .. '|' .. name
      fields[#fields + 1] = name; fields[#fields + 1] = state('Q', '', failures, crashes, now, flag)
    end
  end
  write_fields(X, fields)
  for _, entry in ipairs(order) do
    redis.call('RPUSH', entry[1], unpack(lists[entry[1]]))
    wake(entry[2])
  end
end
