-- A node's field in x:<execution> is `letter|token|failures|crashes|since|flag` (letters: spane/model/state.py).
-- The flag is '' at first, 's' once a worker died holding the node (a suspect), 'm' while a suspect runs marked.
local function read_state(text)
  return string.match(text, '^(%a)|([^|]*)|(%d+)|(%d+)|(%d+)|(%a?)$')
end

local function state(letter, token, failures, crashes, since, flag)
  return letter .. '|' .. token .. '|' .. failures .. '|' .. crashes .. '|' .. int(since) .. '|' .. flag
end

-- A node's field `p:<node>` in its plan is `page;type;queue;priority;flags;fields`: where its full text stands,
-- what to call, where it queues, its own priority or '', flags (k: children go on when it fails; b: too many
-- parents to carry), and the fields of o:<execution> that are merged for it.
local function read_profile(text)
  return string.match(text, '^(%d+);([^;]*);([^;]*);([^;]*);([^;]*);(.*)$')
end
