-- A child that goes on after it had failed takes along whoever failed by it: the node of its parent that ran it waits for
-- it again, and so on upwards. Nothing happens to a parent that went on without it, or that has another child by now.
--@include reopen
--@include offer

-- What is to be done above an execution, from its parent up: {execution, node, status, fields} each; or nil, and why not
-- and which of them forbids it.
local function ancestors_of(execution)
  local found = {}
  while true do
    local up = redis.call('HGET', P .. 'x:' .. execution, '@up')
    if not up then return found end
    local parent, node = string.match(up, '^([^|]+)|(.+)$')
    local h = redis.call('HMGET', P .. 'x:' .. parent, node, '@st', '@c:' .. node, '@run', '@pl', '@pr', '@undone', '@late')
    local letter, status = string.sub(h[1] or 'D', 1, 1), h[2]
    local waits_for = string.match(h[3] or '', '^[^|]+')
    if not status or waits_for ~= execution or string.find('ADSC', letter, 1, true) then return found end
    if letter == 'F' then
      local profile = redis.call('HGET', P .. 'p:' .. h[5], profile_field(node))
      if not profile then return nil, {'noplan', h[5]} end
      local _, _, _, _, flags = read_profile(profile)
      if string.find(flags, '[ks]') or not redis.call('ZSCORE', P .. 'dl', up) then return found end
    end
    if not can_go_on(status, letter == 'F' and h[8]) then return nil, {'illegal', status, parent} end
    if letter == 'F' and h[7] then return nil, {'undone', status, parent} end
    if letter ~= 'F' and status == 'failed' then
      -- Put aside, with how the child ended: it takes whatever comes of it by the time it is offered again.
      return found
    end
    found[#found + 1] = {parent, node, status, h}
    -- Who stands above one that had not ended waits for it still.
    if letter ~= 'F' or status ~= 'failed' then return found end
    execution = parent
  end
end

local function wait_again(ancestor, now)
  local execution, node, status, h = unpack(ancestor)
  local X, hint = P .. 'x:' .. execution, execution .. '|' .. node
  local letter, token, failures, crashes, _, flag = read_state(h[1])
  local run = tonumber(h[4]) + (letter == 'R' and 0 or 1)
  if letter == 'R' then
    -- An attempt that is looking at how the child had ended; its commit is fenced.
    redis.call('HDEL', P .. 'w:' .. string.match(token, '^([^.]*)'), hint)
  elseif letter == 'T' then
    redis.call('ZREM', P .. 't', 'n|' .. hint)
  elseif letter == 'F' then
    if status == 'failed' then reopen(execution, now) elseif status == 'failing' then fail_no_more(execution) end
    revive(execution, node)
    failures, crashes, flag = 0, 0, ''
  end
  redis.call('HDEL', P .. 'o:' .. execution, '@w:' .. node)
  redis.call('HSET', X, node, state('A', '', failures, crashes, now, 'c' .. suspicion(flag)), '@run', int(run))
  event('a', hint .. '|||its child again')
  if letter == 'F' and (status == 'failed' or status == 'failing') then offer(execution, h[5], h[6], now) end
end
