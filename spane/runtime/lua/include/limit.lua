-- Limits. A pool is whatever shares one: the nodes of a type (`type`), those of one key (`type/key`), the executions of a
-- workflow (`@workflow`, `@workflow/key`). A slot is taken at the claim; before that it may be kept for who is queued: who
-- waited for it, or whose key has been worked out. Whoever waits with a higher priority takes it from there.
--   lims          type or @workflow -> `most;rate;period;burst;keyed;queue`: what the newest start said
--   lim:<pool>    who holds a slot: `execution|node` -> token, or an execution -> ''      :o  whom one is kept for
--   lim:<pool>:w  who waits, like :o by priority and time            :r  starts (include/rate.lua)
--   pools         pools in use, by when the sweep looked them over
--   rests         types that rest, because a node said so -> until when
-- A node that waits is in state L. `l|<pool>` is the one timer of a pool: when the next may start. One whose limit goes by a
-- key has that pool in `@l:<node>` of its execution, as soon as a worker has worked out the key (sort.lua).
--@include clock
--@include event
--@include queue
--@include state
--@include timer
--@include rate
local MOST_HANDED = 100

local function rule_of(pool)
  local name, key = string.match(pool, '^([^/]+)(.*)$')
  local text = redis.call('HGET', P .. 'lims', name)
  if not text then return nil end
  local most, rate, period, burst, keyed, queue = string.match(text, '^(%d*);(%d*);(%d*);(%d*);(%a?);(.*)$')
  if keyed ~= '' and key == '' then return {queue = queue} end
  return {most = tonumber(most), rate = tonumber(rate), period = tonumber(period), burst = tonumber(burst), queue = queue}
end

-- Returns how many slots are free, when one will be where only time frees it, and how many are kept for who is queued.
local function room(pool, rule, now)
  local till = tonumber(redis.call('HGET', P .. 'rests', pool) or now)
  if till > now then return 0, till, 0 end
  local stem, free, at = P .. 'lim:' .. pool, math.huge, nil
  local offered = redis.call('ZCARD', stem .. ':o')
  if rule.most then free = rule.most - redis.call('HLEN', stem) - offered end
  if rule.rate and free >= 1 then
    local left, when = by_rate(pool, rule, now)
    if left < 1 then at = when end
    free = math.min(free, left - offered)
  end
  return free, at, offered
end

-- Scores of who waits, and of whom a slot is kept for: a lower one goes first, and one priority is worth a step.
local function step_of_priority()
  return tonumber(redis.call('GET', P .. 'ageing') or 1e13)
end

local function place(priority, now)
  call.waited = math.min((call.waited or 0) + 1, 63)
  return string.format('%.6f', (10 - priority) * step_of_priority() + now + call.waited / 64)
end

local function wait_in(pool, member, priority, now)
  redis.call('ZADD', P .. 'pools', 'NX', int(now), pool)
  return redis.call('ZADD', P .. 'lim:' .. pool .. ':w', 'NX', place(priority, now), member) == 1
end

local function grant(pool, rule, member, token, now)
  redis.call('ZADD', P .. 'pools', 'NX', int(now), pool)
  redis.call('HSET', P .. 'lim:' .. pool, member, token)
  spend(pool, rule, now)
end

-- Whether a slot is free that nobody waits for.
local function is_free(pool, rule, now)
  return redis.call('EXISTS', P .. 'lim:' .. pool .. ':w') == 0 and room(pool, rule, now) >= 1
end

-- Keep a free slot for a member that is queued.
local function keep_free(pool, rule, member, at, now)
  redis.call('ZADD', P .. 'pools', 'NX', int(now), pool)
  if rule.most or rule.rate then redis.call('ZADD', P .. 'lim:' .. pool .. ':o', at, member) end
end

-- Take a slot from whom it is kept for, where that has a lower priority than the first who waits: it waits again, in its old
-- place, and its hint leads to nothing now. One of an execution that stands still has no use for it. Returns whether there was one.
local function take_back(pool, now)
  local stem = P .. 'lim:' .. pool
  local last = redis.call('ZRANGE', stem .. ':o', -1, -1, 'WITHSCORES')
  local first = redis.call('ZRANGE', stem .. ':w', 0, 0, 'WITHSCORES')
  if not last[1] or not first[1] or last[2] - first[2] < step_of_priority() / 2 then return false end
  redis.call('ZREM', stem .. ':o', last[1])
  local execution, node = string.match(last[1], '^([^|]+)|(.+)$')
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, node, '@st')
  local letter, _, failures, crashes, _, flag = read_state(h[1] or '')
  if letter ~= 'Q' or not may_start(h[2], node) then return true end
  redis.call('HSET', X, node, state('L', '', failures, crashes, now, flag == HANDED and '' or flag))
  redis.call('ZADD', stem .. ':w', last[2], last[1])
  -- One that was handed it has been told of when it began to wait.
  if flag ~= HANDED then event('k', last[1] .. '|limit of ' .. pool) end
  return true
end

-- An execution that is handed a slot begins by its timer, which is due at once.
local function offer_execution(pool, rule, execution, now)
  local h = redis.call('HMGET', P .. 'x:' .. execution, '@st', '@pl')
  if h[1] ~= 'scheduled' then return false end
  grant(pool, rule, execution, '', now)
  set_timer('s|' .. execution, now, redis.call('HGET', P .. 'p:' .. h[2], 'queue') or 'default')
  return true
end

local function offer_slot(pool, rule, member, at, now)
  local execution, node = string.match(member, '^([^|]+)|(.+)$')
  if not execution then return offer_execution(pool, rule, member, now) end
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, node, '@st', '@pl', '@pr')
  if not h[1] then return false end
  local letter, _, failures, crashes, _, flag = read_state(h[1])
  if letter ~= 'L' then return false end
  if not may_start(h[2], node) then
    if may_come_back(h[2]) then
      redis.call('HSET', X, node, state('P', '', failures, crashes, now, flag))
      put_aside(execution, 'node|' .. node, h[2])
    end
    return false
  end
  local _, _, queue, own = read_profile(redis.call('HGET', P .. 'p:' .. h[3], profile_field(node)))
  keep_free(pool, rule, member, at, now)
  flag = flag == '' and HANDED or flag
  redis.call('HSET', X, node, state('Q', '', failures, crashes, now, flag))
  push(lane_of(queue, flag), own ~= '' and own or h[4], member)
  return true
end

-- Offer the slots of a pool that are free to those who wait longest, the highest priority first. What may not start any
-- more, or not now, waits no longer. Returns how many it looked at.
local function hand_on(pool, now)
  local waiting, looked = P .. 'lim:' .. pool .. ':w', 0
  if redis.call('EXISTS', waiting) == 0 then return looked end
  local rule = rule_of(pool) or {queue = 'default'}
  local free, at, kept = room(pool, rule, now)
  while looked < MOST_HANDED do
    if free < 1 then
      -- There may be fewer slots than are held and kept, where a limit was lowered or what was given back had begun by a rate.
      if kept < 1 or not take_back(pool, now) then break end
      free, kept, looked = free + 1, kept - 1, looked + 1
    else
      local popped = redis.call('ZPOPMIN', waiting, math.min(free, MOST_HANDED - looked))
      if #popped == 0 then return looked end
      for i = 1, #popped, 2 do
        looked = looked + 1
        if offer_slot(pool, rule, popped[i], popped[i + 1], now) then free, kept = free - 1, kept + 1 end
      end
    end
  end
  if redis.call('EXISTS', waiting) == 0 then return looked end
  if free >= 1 then at = now elseif looked > 0 then at = select(2, room(pool, rule, now)) end
  if at then set_timer('l|' .. pool, math.ceil(at), rule.queue) end
  return looked
end

-- What limits a node of this profile: its type, and l where all of the type share slots, y where those of a key do.
local function limited(profile)
  return string.match(profile, '^%d+;([^;]*);[^;]*;[^;]*;[^;]-([ly])')
end

local function pool_of(execution, node, profile)
  local type_name, kind = limited(profile or '')
  if kind == 'y' then return redis.call('HGET', P .. 'x:' .. execution, '@l:' .. node) or type_name end
  return type_name
end

-- Take a slot for a member that runs from now on. False where none is free, or others wait for one.
local function take_slot(pool, rule, member, token, now)
  local offered = redis.call('ZREM', P .. 'lim:' .. pool .. ':o', member) == 1
  if offered and room(pool, rule, now) < 1 or not offered and not is_free(pool, rule, now) then return false end
  grant(pool, rule, member, token, now)
  if rule.rate then hand_on(pool, now) end
  return true
end

-- A slot that its holder needs no more, or that was offered to it in vain, goes to the next.
local function free_slot(pool, member, token, now)
  local held = P .. 'lim:' .. pool
  if redis.call('HGET', held, member) == token then redis.call('HDEL', held, member) end
  redis.call('ZREM', held .. ':o', member)
  hand_on(pool, now)
end

-- Tokens of attempts that hold a slot, or may, end in `l`.
local function holds_slot(token)
  return string.byte(token, -1) == 108
end

local function end_slot(execution, node, token, plan_hash, now)
  if not holds_slot(token) then return end
  local pool = pool_of(execution, node, redis.call('HGET', P .. 'p:' .. plan_hash, profile_field(node)))
  if pool then free_slot(pool, execution .. '|' .. node, token, now) end
end

-- A slot whose holder goes back to its queue is kept for it, unless a higher priority waits.
local function keep_slot(execution, node, token, plan_hash, priority, now)
  if not holds_slot(token) then return end
  local pool = pool_of(execution, node, redis.call('HGET', P .. 'p:' .. plan_hash, profile_field(node)))
  local held, hint = P .. 'lim:' .. (pool or ''), execution .. '|' .. node
  if not pool or redis.call('HGET', held, hint) ~= token then return end
  redis.call('HDEL', held, hint)
  redis.call('ZADD', held .. ':o', place(tonumber(priority), now), hint)
  hand_on(pool, now)
end

-- Let a node in state L wait in its pool. Whoever waits already goes on if a slot is free after all; that may be the node
-- itself, which has not waited then. Returns whether it waits.
local function wait_for_slot(pool, execution, node, priority, now)
  local hint = execution .. '|' .. node
  local is_new = wait_in(pool, hint, tonumber(priority), now)
  hand_on(pool, now)
  local waits = redis.call('ZSCORE', P .. 'lim:' .. pool .. ':w', hint)
  if is_new and waits then event('k', hint .. '|limit of ' .. pool) end
  return waits
end

-- Park a node for its pool; it keeps its failures and crashes.
local function park_for(pool, execution, node, priority, failures, crashes, flag, now)
  redis.call('HSET', P .. 'x:' .. execution, node, state('L', '', failures, crashes, now, flag))
  wait_for_slot(pool, execution, node, priority, now)
end

-- Tell whether an execution may begin now that is limited by its workflow; if not, it waits as `scheduled`.
local function may_begin(execution, pool, priority, now)
  local rule = rule_of(pool)
  if not rule or redis.call('HEXISTS', P .. 'lim:' .. pool, execution) == 1 then return true end
  if take_slot(pool, rule, execution, '', now) then return true end
  if wait_in(pool, execution, tonumber(priority), now) then event('L', execution .. '|limit of ' .. pool) end
  hand_on(pool, now)
  return redis.call('HEXISTS', P .. 'lim:' .. pool, execution) == 1
end

local function leave_pool(pool, execution, now)
  redis.call('ZREM', P .. 'lim:' .. pool .. ':w', execution)
  free_slot(pool, execution, '', now)
end

-- What may start now of a type that limits nothing, or has no rule here yet: a plan says its own where no start did.
local function rule_for(pool, plan_hash, node)
  local rule = rule_of(pool)
  local text = not rule and redis.call('HGET', P .. 'p:' .. plan_hash, 'l:' .. string.sub(profile_field(node), 3))
  if not text then return rule or {queue = 'default'} end
  redis.call('HSET', P .. 'lims', string.match(pool, '^[^/]+'), text)
  return rule_of(pool)
end

local function rests(type_name, now)
  if call.some_rest == nil then call.some_rest = redis.call('EXISTS', P .. 'rests') == 1 end
  return call.some_rest and tonumber(redis.call('HGET', P .. 'rests', type_name) or now) > now
end

-- Let nothing of a type start for so long, because a node of it said so.
local function rest(type_name, till, queue)
  if tonumber(redis.call('HGET', P .. 'rests', type_name) or 0) >= till then return end
  redis.call('HSET', P .. 'rests', type_name, int(till))
  set_timer('l|' .. type_name, till, queue)
end

local function end_rest(pool, now)
  local till = tonumber(redis.call('HGET', P .. 'rests', pool) or now)
  if till <= now then redis.call('HDEL', P .. 'rests', pool) end
  return hand_on(pool, now)
end

-- The token that a node is leased with, or nil where it has to wait: for its limit, and was parked, or for a worker that
-- works out the key of its limit, and was queued for that. One that is leased for that alone holds no slot.
local function token_for(execution, node, h, profile, token, failures, crashes, flag, now)
  local _, name, queue, own = read_profile(profile)
  local _, kind = limited(profile)
  local rest, pool = rests(name, now), name
  if not kind and not rest then return token end
  local priority = own ~= '' and own or h[4]
  if kind == 'y' then
    pool = redis.call('HGET', P .. 'x:' .. execution, '@l:' .. node)
    if flag == UNSORTED then return token end
    if not pool then
      redis.call('HSET', P .. 'x:' .. execution, node, state('Q', '', failures, crashes, now, UNSORTED))
      push(lane_of(queue, UNSORTED), priority, execution .. '|' .. node)
      return nil
    end
  end
  token = token .. 'l'
  if not rest and take_slot(pool, rule_for(pool, h[3], node), execution .. '|' .. node, token, now) then return token end
  park_for(rest and name or pool, execution, node, priority, failures, crashes, flag, now)
  -- What waits with its type has no use for what it was offered under its key.
  if rest and pool ~= name then free_slot(pool, execution .. '|' .. node, '', now) end
end

-- Take over what a start says about limits: `name=rule|name=rule`.
local function set_rules(text, now)
  for name, rule in string.gmatch(text, '([^=|]+)=([^|]*)') do
    if redis.call('HGET', P .. 'lims', name) ~= rule then
      redis.call('HSET', P .. 'lims', name, rule)
      hand_on(name, now)
    end
  end
end
