-- Say once in an execution that its plan is not here, and for each plan, every ten minutes, to the workers: one that is
-- lost may be that of many executions. Nothing is decided without it: whoever needs it tries again.
--@include event
--@include state
local function plan_is_gone(execution, node, plan_hash)
  if redis.call('HSETNX', P .. 'x:' .. execution, '@np', '1') == 1 then
    event('k', execution .. '|' .. node .. '|plan ' .. plan_hash .. ' is not in the store; put it there again by starting its workflow')
    if redis.call('SET', P .. 'gone:' .. plan_hash, '1', 'NX', 'PX', 600000) then
      redis.call('XADD', P .. 'ctl', 'MAXLEN', '~', 10000, '*', 'n', 'gone||' .. plan_hash)
      redis.call('PEXPIRE', P .. 'ctl', 600000)
    end
  end
end

-- Whether a node has an undo, by its targets: then they begin with `u;`, and those of an item are nothing else.
local function has_undo(targets)
  return targets and string.sub(targets, 1, 2) == 'u;'
end

-- What a node releases when it ends: its targets, false for none, or nil where the plan is not here.
local function targets_of(plan_hash, node)
  local plan, map = P .. 'p:' .. plan_hash, map_of(node)
  local targets = redis.call('HGET', plan, 'c:' .. (map and map .. '#' or node))
  if not targets and redis.call('HEXISTS', plan, 'total') == 0 then return nil end
  return targets
end
