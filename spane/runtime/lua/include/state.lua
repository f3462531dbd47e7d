-- A node's field in x:<execution> is `letter|token|failures|crashes|since|flag` (letters: spane/model/state.py).
-- The flag is '' at first, 's' once a worker died holding the node (a suspect), 'a' once a second one did (it runs
-- alone from then on), and 'm' while it runs alone and has written its mark. It is 'y' before all that while nobody has
-- worked out the key of its limit: what a worker holds for that does not run. It is 'h' from when a slot is handed to a node
-- that waited for its limit until that is claimed.
-- One that awaits something (A) has 't' while a timer will rouse it, 'b' where it waits at a breaker, 'c' where it waits for
-- a child; and behind that what it keeps of being a suspect.
-- `since` is when it came into the state; for a node with a timer (T, or A with 't'), when that is due.
--@include clock
local function read_state(text)
  return string.match(text, '^(%a)|([^|]*)|(%d+)|(%d+)|(%d+)|(%a*)$')
end

local function state(letter, token, failures, crashes, since, flag)
  return letter .. '|' .. token .. '|' .. failures .. '|' .. crashes .. '|' .. int(since) .. '|' .. flag
end

-- What a node keeps of its flag that parks itself, or goes on after that: it has not crashed, so its mark is over, but what
-- it runs into when it goes on may be what killed its worker before.
local function suspicion(flag)
  local kept = string.match(flag, '[sam]') or ''
  return kept == 'm' and 'a' or kept
end

-- A node's field `p:<node>` in its plan is `page;type;queue;priority;flags;fields`: where its full text stands,
-- what to call, where it queues, its own priority or '', flags (k: children go on when it fails, s: they are
-- skipped then; b: too many parents to carry; i: an item of a map whose failure counts as its end), and the fields of
-- o:<execution> that are merged for it. The items `pack#0`, ... of a map share the field `p:pack#`, and their undos
-- `pack#0~undo`, ... the field `p:pack#~undo`; no other node has a '#' in its id.
local function profile_field(node)
  if not string.find(node, '#', 1, true) then return 'p:' .. node end
  return 'p:' .. string.gsub(node, '#%d*', '#')
end

-- Where a plan is gone (it is lost data: plans outlive their executions) the default queue stands for the node's own,
-- so that its message comes to a worker and `fetch` says so.
local function read_profile(text)
  return string.match(text or '0;;default;;;', '^(%d+);([^;]*);([^;]*);([^;]*);([^;]*);(.*)$')
end

-- A step is what follows a failure: the undo of a node, `<node>~undo`, or the workflow's handler, `<type>~on_failure`.
local function is_step(node)
  return string.find(node, '~', 1, true) ~= nil
end

-- The map that a node is an item of, nil if it is none.
local function map_of(node)
  return string.find(node, '#', 1, true) and not is_step(node) and string.match(node, '^[^#]+') or nil
end

-- Whether a node may start: any in an execution that runs, steps in one that compensates.
local function may_start(status, node)
  return status == 'running' or (status == 'compensating' and is_step(node))
end

-- Whether what may not start now may start later: when a pause ends, or a dead letter is retried.
local function may_come_back(status)
  return status == 'paused' or status == 'failing' or status == 'failed' or status == 'compensating'
end

local function has_ended(status)
  return status == 'completed' or status == 'failed' or status == 'cancelled'
end

-- Write fields of x:<execution>, in parts that Lua's stack can carry.
local function write_fields(X, fields)
  for first = 1, #fields, 2000 do
    redis.call('HSET', X, unpack(fields, first, math.min(first + 1999, #fields)))
  end
end

-- Put a node or a cursor aside that may not go on now: k:<execution> keeps it for whoever heals or resumes.
local function put_aside(execution, what, status)
  local X = P .. 'x:' .. execution
  redis.call('RPUSH', P .. 'k:' .. execution, what .. '|' .. status)
  redis.call('HSET', X, '@k', '1')
  local left = redis.call('PTTL', X)
  if left > 0 then redis.call('PEXPIRE', P .. 'k:' .. execution, left) end
end
