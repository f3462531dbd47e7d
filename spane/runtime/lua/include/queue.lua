-- A queue is ten lists, one per priority. Its name may carry suffixes: '~' for nodes that run on the event
-- loop, '@fingerprint' for nodes that wait for fitting code, '!' for suspects (nodes whose worker died), '!!' for those that
-- a second worker died with: they run alone, one in a process; '?' for nodes whose limit goes by a key that nobody has
-- worked out yet (sort.lua), and '+' for those that waited for a limit and have its slot now. A process
-- takes these first, or what waits for nothing but a worker, as chance has it, so that neither holds up the other.
local UNSORTED, HANDED = 'y', 'h'
local SUFFIXES = {[''] = '', s = '!', y = '?', h = '+'}

local function queue_key(queue, priority)
  return P .. 'q:' .. queue .. ':' .. priority
end

local function lane_of(queue, flag)
  return queue .. (SUFFIXES[flag] or '!!')
end

-- One token in wake:<queue> tells one idle worker to fetch: threads listen to `queue`, event loops to `queue~`.
-- It is a hint: a worker looks each second anyway.
local function wake_key(queue)
  return P .. 'wake:' .. string.match(queue, '^[^@!?+]+')
end

local function wake(queue)
  local key = wake_key(queue)
  if redis.call('EXISTS', key) == 0 then redis.call('RPUSH', key, '1') end
end

local function push(queue, priority, hint)
  redis.call('RPUSH', queue_key(queue, priority), hint)
  wake(queue)
end

-- Put hints back where they came from: at the front, before anything that was queued later.
local function push_front(queue, priority, hint)
  redis.call('LPUSH', queue_key(queue, priority), hint)
  wake(queue)
end

-- Take from the lists of some queues, all of priority 10 before any of 9: the LMPOP that does, up to its count, the names
-- of the queues, and how many lists there are. They are few, and the same from fetch to fetch, so they are kept.
local TAKES, MOST_TAKES, takes = {}, 400, 0
local function take_from(queues)
  local at = P .. queues
  local found = TAKES[at]
  if found then return found end
  if takes >= MOST_TAKES then TAKES, takes = {}, 0 end
  found = {command = {'LMPOP', 0}, names = {}, lists = 0}
  for queue in string.gmatch(queues, '[^,]+') do found.names[#found.names + 1] = queue end
  for priority = 10, 1, -1 do
    for _, queue in ipairs(found.names) do
      found.lists = found.lists + 1
      found.command[found.lists + 2] = queue_key(queue, priority)
    end
  end
  found.command[2] = found.lists
  found.command[found.lists + 3], found.command[found.lists + 4] = 'LEFT', 'COUNT'
  TAKES[at], takes = found, takes + 1
  return found
end
