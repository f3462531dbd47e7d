-- Read what a node needs of o:<execution>, in the order of `fields`: strings as stored, nil where a parent left
-- nothing. Returns false where the worker has to read them itself, outside of any script: more than 500 fields
-- or more than ARGV's limit of bytes. Outputs never change once written, so reading later is as good.
local INLINE_BYTES = 262144
local function merge(execution, flags, fields)
  if fields == '' then return {} end
  if string.find(flags, 'b', 1, true) then return false end
  -- Inputs may be large, and every entry node takes them: asked for first, so that they are not even read here.
  if string.find(fields, '@in', 1, true)
      and redis.call('HSTRLEN', P .. 'o:' .. execution, '@in') > INLINE_BYTES then return false end
  local names, n = {}, 0
  for name in string.gmatch(fields, '[^,]+') do n = n + 1; names[n] = name end
  local values = redis.call('HMGET', P .. 'o:' .. execution, unpack(names))
  local size = 0
  for i = 1, n do if values[i] then size = size + #values[i] end end
  if size > INLINE_BYTES then return false end
  return values
end
