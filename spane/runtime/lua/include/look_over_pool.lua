-- Take slots back whose holders are gone, counted in `call.mended`.
--@include state
--@include limit
-- Whether a slot of a pool is still held, or wanted, by a member of it; and whether that is queued all the same.
local function is_held(member, token)
  local execution, node = string.match(member, '^([^|]+)|(.+)$')
  if not execution then
    local status = redis.call('HGET', P .. 'x:' .. member, '@st')
    return status and not has_ended(status)
  end
  local h = redis.call('HMGET', P .. 'x:' .. execution, node, '@st')
  if not h[1] then return false end
  local letter, holder = read_state(h[1])
  if token then return letter == 'R' and holder == token end
  return letter == 'R' or (letter == 'Q' and may_start(h[2], node)), letter == 'Q'
end

-- Slots whose holders are gone come back; of many holders, a hundred picked at random are looked at.
local function look_over_pool(pool, now)
  local held = P .. 'lim:' .. pool
  local members = redis.call('HRANDFIELD', held, 100, 'WITHVALUES') or {}
  for i = 1, #members, 2 do
    if not is_held(members[i], members[i + 1]) then
      redis.call('HDEL', held, members[i])
      call.mended = call.mended + 1
    end
  end
  for _, member in ipairs(redis.call('ZRANDMEMBER', held .. ':o', 100) or {}) do
    local wanted, queued = is_held(member)
    if not wanted then
      -- One that is queued in an execution that stands still gives its slot to others, but lost nothing.
      redis.call('ZREM', held .. ':o', member)
      if not queued then call.mended = call.mended + 1 end
    end
  end
  hand_on(pool, now)
  if redis.call('EXISTS', held, held .. ':o', held .. ':w') == 0 then redis.call('ZREM', P .. 'pools', pool)
  else redis.call('ZADD', P .. 'pools', int(now), pool) end
end
