-- The items of a map `pack` are nodes `pack#0`, `pack#1`, ... of its execution; what each of them is given stands in
-- `#pack#0`, ... of o:<execution> until it has ended, or as long as all else where it may be undone. The map itself awaits their end, with its counts in `@m:pack` of
-- x:<execution>: `total|next|done|most|moving`. Those before `next` have been queued, `done` have ended, at most `most`
-- may be between the two, and `moving` is 1 while a cursor `execution|i:pack|0` stands for others that may be queued.
--@include event
--@include state
--@include release
--@include rouse
local function read_map(X, map)
  local text = redis.call('HGET', X, '@m:' .. map)
  local total, next, done, most, moving = string.match(text or '', '^(%d+)|(%d+)|(%d+)|(%d+)|(%d)$')
  if not total then return nil end
  return {total = tonumber(total), next = tonumber(next), done = tonumber(done), most = tonumber(most), moving = moving == '1'}
end

local function write_map(map, m, fields)
  fields[#fields + 1] = '@m:' .. map
  fields[#fields + 1] = int(m.total) .. '|' .. int(m.next) .. '|' .. int(m.done) .. '|' .. int(m.most) .. '|'
    .. (m.moving and '1' or '0')
end

-- Add up to `most` items that may be queued now to `out.ready`, and a cursor to `out.cursors` where others may as well.
local function add_items(execution, map, m, plan_hash, most, out)
  local _, _, queue, own, flags = read_profile(redis.call('HGET', P .. 'p:' .. plan_hash, profile_field(map .. '#')))
  if string.find(flags, 'y', 1, true) then queue = lane_of(queue, UNSORTED) end
  local may = math.min(m.total, m.done + m.most)
  local last = math.min(may, m.next + most)
  for index = m.next, last - 1 do out.ready[#out.ready + 1] = {map .. '#' .. int(index), queue, own, 0} end
  m.next, m.moving = last, last < may
  if m.moving then out.cursors[#out.cursors + 1] = execution .. '|i:' .. map .. '|0' end
end

-- Count an item that has ended: its place is given to the next one, and the last of all rouses the map. How far the map has
-- come is an event, at most a hundred of them. Returns how many more are open beside what is added to `out`.
local function end_item(execution, node, h, now, fields, out)
  local X, map = P .. 'x:' .. execution, map_of(node)
  if h.undoable then redis.call('HDEL', P .. 'o:' .. execution, '@w:' .. node)
  else redis.call('HDEL', P .. 'o:' .. execution, '#' .. node, '@w:' .. node) end
  local m = read_map(X, map)
  if not m then return 0 end
  m.done = m.done + 1
  local open = 0
  if m.done == m.total then
    out.roused = rouse(execution, map, 'm' .. int(m.total), now)
  elseif m.next < m.total and not m.moving then
    if h.status == 'running' then
      add_items(execution, map, m, h.plan, 1, out)
    elseif h.status ~= 'cancelling' then
      m.moving, open = true, 1
      put_aside(execution, 'cursor|' .. execution .. '|i:' .. map .. '|0', h.status)
    end
  end
  write_map(map, m, fields)
  if m.done % math.ceil(m.total / 100) == 0 or m.done == m.total then
    event('g', execution .. '|' .. map .. '|' .. int(m.done) .. '|' .. int(m.total))
  end
  return open
end
