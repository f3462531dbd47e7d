-- Plans are held by what is made of them: `refs` counts the executions that need a plan, and the plans that are held
-- themselves and call it as a sub-workflow (`kids` of those). A plan that nobody holds goes after a while.
--@include clock

-- The plans that a plan calls, `hash,hash` or '', and the limits that it names; nil unless it is here with all of them.
local function kids_of(hash)
  local h = redis.call('HMGET', P .. 'p:' .. hash, 'total', 'refs', 'kids', 'limits')
  if not h[1] then return nil end
  if not h[3] then return '', h[4] end
  if tonumber(h[2] or 0) > 0 then return h[3], h[4] end
  for kid in string.gmatch(h[3], '[^,]+') do
    if not kids_of(kid) then return nil end
  end
  return h[3], h[4]
end

local function hold(hash, kids)
  redis.call('PERSIST', P .. 'p:' .. hash)
  if redis.call('HINCRBY', P .. 'p:' .. hash, 'refs', 1) > 1 then return end
  for kid in string.gmatch(kids, '[^,]+') do hold(kid, redis.call('HGET', P .. 'p:' .. kid, 'kids') or '') end
end

-- The plan stays as long as what was made of it, and a day more; one that was deleted must not come back as a count.
local function let_go(hash, now, kept_ms)
  local plan = P .. 'p:' .. hash
  local h = redis.call('HMGET', plan, 'total', 'until', 'kids')
  if not h[1] then return end
  local stays = math.max(now + kept_ms + 86400000, tonumber(h[2] or 0))
  redis.call('HSET', plan, 'until', int(stays))
  local left = redis.call('HINCRBY', plan, 'refs', -1)
  if left <= 0 then redis.call('PEXPIRE', plan, int(stays - now)) end
  if left ~= 0 or not h[3] then return end
  for kid in string.gmatch(h[3], '[^,]+') do let_go(kid, now, kept_ms) end
end

-- Keep what belongs to an execution that was about to expire.
local function keep(execution, plan_hash)
  for _, name in ipairs({'x:', 'o:', 'j:', 'b:', 'k:', 'd:', 'c:', 'u:'}) do redis.call('PERSIST', P .. name .. execution) end
  hold(plan_hash, redis.call('HGET', P .. 'p:' .. plan_hash, 'kids') or '')
end
