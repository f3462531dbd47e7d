--@include queue
--@include state
--@include rouse
--@include holding
--@include start_key
--@include limit
--@include tell_children
--@include compensate
-- How an execution ends that has nothing left to do: a dead letter that was left when another was retried fails it.
local function end_of(X)
  local bad = redis.call('HGET', X, '@bad')
  if bad then return 'failed', bad end
  return 'completed'
end

-- Let what an execution leaves behind expire: its keys after `kept_ms`, its start key after a day, its children with it.
-- `h` are its fields of RETIRING.
local RETIRING = {'@key', '@pl', '@wf', '@dl', '@b', '@k', '@ch', '@u', '@tn'}
local function retire(execution, now, kept_ms, h)
  redis.call('PEXPIRE', P .. 'x:' .. execution, kept_ms)
  redis.call('PEXPIRE', P .. 'o:' .. execution, kept_ms)
  redis.call('PEXPIRE', P .. 'j:' .. execution, kept_ms)
  if h[5] then redis.call('PEXPIRE', P .. 'b:' .. execution, kept_ms) end
  if h[6] then redis.call('PEXPIRE', P .. 'k:' .. execution, kept_ms) end
  if h[4] then redis.call('PEXPIRE', P .. 'd:' .. execution, kept_ms) end
  if h[8] then redis.call('PEXPIRE', P .. 'u:' .. execution, kept_ms) end
  if h[1] and h[1] ~= '' then redis.call('PEXPIRE', start_key_of('key', h[3], h[9] or '', h[1]), 86400000) end
  let_go(h[2], now, kept_ms)
  if h[7] then
    redis.call('PEXPIRE', P .. 'c:' .. execution, kept_ms)
    tell_children(execution, h[2])
  end
end

local ascend

-- End an execution (`@t1` says when, `@ev1` is its last event), once nothing is left to follow its failure; returns its status now. Its last write, one terminal event a generation, and the clocks of what it leaves behind.
-- Touches a fixed number of keys at any graph size, and at each level above it. `fields` of x:<execution> are written
-- along. Its keys stay for `kept_ms`, or `dead_kept_ms` where a dead letter may still need them; those of a child stay as
-- long as its parent's, and with them what may have to be undone of one that completed.
local function finish(execution, status, now, kept_ms, dead_kept_ms, fields, tail)
  if status ~= 'completed' and compensate(execution, status, now, fields) then return 'compensating' end
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, '@g', '@up', '@lim', '@end', unpack(RETIRING))
  local undoable = h[12] and h[2] and status == 'completed'
  fields[#fields + 1] = '@st'; fields[#fields + 1] = status
  fields[#fields + 1] = '@t1'; fields[#fields + 1] = int(now)
  local letter = status == 'completed' and 'C' or status == 'failed' and 'F' or 'X'
  local entry = event(letter, execution .. '|' .. h[1] .. (tail and '|' .. tail or ''))
  fields[#fields + 1] = '@ev1'; fields[#fields + 1] = entry
  write_fields(X, fields)
  redis.call('ZREM', P .. 'active', execution)
  if h[4] then redis.call('ZREM', P .. 't', 'd|' .. execution) end
  redis.call('RPUSH', P .. 'r:' .. execution, status)
  redis.call('PEXPIRE', P .. 'r:' .. execution, 60000)
  if h[3] then leave_pool(h[3], execution, now) end
  if h[12] and not undoable then redis.call('UNLINK', P .. 'u:' .. execution) end
  if h[2] and not ascend(execution, h[2], status, now, kept_ms, dead_kept_ms, undoable) then return status end
  local has_dead = h[8] and h[8] ~= '0'
  retire(execution, now, has_dead and dead_kept_ms or kept_ms, {unpack(h, 5, 13)})
  return status
end

-- Write the `fields` of an attempt that ended without an outcome and so runs no more. In an execution that is ending,
-- the last of those ends it. `h` is its status and how many attempts ran with this one.
local function run_no_more(execution, h, now, kept_ms, dead_kept_ms, fields)
  fields[#fields + 1] = '@run'; fields[#fields + 1] = int(h.run - 1)
  local X = P .. 'x:' .. execution
  if h.run > 1 or (h.status ~= 'failing' and h.status ~= 'cancelling') then
    redis.call('HSET', X, unpack(fields))
  elseif h.status == 'failing' then
    finish(execution, 'failed', now, kept_ms, dead_kept_ms, fields, redis.call('HGET', X, '@bad'))
  else
    finish(execution, 'cancelled', now, kept_ms, dead_kept_ms, fields, redis.call('HGET', X, '@why') or '')
  end
end

-- Note that a child has completed and did what can be undone: its node is undone with all else that its parent did, by
-- having the child compensate (undo.lua). A node may have several, one after the other. They are a chain: `@u:<node>` of the
-- parent is the last as `child|number`, and `@before` of each the one before it. `h` are the parent's fields of `ascend`.
local function note_child(child, parent, node, h)
  local profile, total = unpack(redis.call('HMGET', P .. 'p:' .. h[5], profile_field(node .. '~undo'), 'total'))
  if total and not profile then return end
  local number = h[6] and string.match(h[6], '%d+$') or 0
  redis.call('HSET', P .. 'x:' .. parent, '@u', '1', '@u:' .. node, child .. '|' .. int(number + 1))
  if h[6] then redis.call('HSET', P .. 'x:' .. child, '@before', h[6])
  else redis.call('RPUSH', P .. 'u:' .. parent, node) end
end

-- Tell the node that waits for a child how that has ended: it is queued again, or put aside, and runs as no more; in a
-- parent that is ending, this may have been the last that ran. `undoable` says that the child did what can be undone.
-- Returns whether nobody above will retire the child.
ascend = function(child, up, status, now, kept_ms, dead_kept_ms, undoable)
  local parent, node = string.match(up, '^([^|]+)|(.+)$')
  local X = P .. 'x:' .. parent
  local h = redis.call('HMGET', X, node, '@st', '@run', '@c:' .. node, '@pl', '@u:' .. node)
  if not h[2] then return true end
  local over = redis.call('PTTL', X) >= 0
  if undoable and not over then note_child(child, parent, node, h) end
  local current, round = string.match(h[4] or '', '^([^|]+)|(%d+)$')
  if current ~= child or not h[1] then return over end
  local letter, token, failures, crashes, _, flag = read_state(h[1])
  local came, waits = 'c' .. status .. '|' .. child .. '|' .. round, string.byte(flag) == 99
  -- One that was put aside, or stands at a breaker, takes it when it goes on.
  if letter == 'P' or (letter == 'A' and not waits) then redis.call('HSET', P .. 'o:' .. parent, '@w:' .. node, came) end
  if letter ~= 'A' or not waits then return over end
  local fields = {}
  if not rouse(parent, node, came, now) then fields = {node, state('C', token, failures, crashes, now, '')} end
  run_no_more(parent, {status = h[2], run = tonumber(h[3])}, now, kept_ms, dead_kept_ms, fields)
  return over
end
