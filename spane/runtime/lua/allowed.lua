#!lua
-- Tell which commands the user that calls may not call: a script is refused whatever its caller is.
-- KEYS  1 prefix      ARGV  commands, each as its words with line feeds between them
-- Returns those that are refused, as they were given. Writes nothing. Bound: the commands asked for.
local refused = {}
-- A stand-in for Redis that knows no users allows everything.
if not redis.acl_check_cmd then return refused end
for _, text in ipairs(ARGV) do
  local words = {}
  for word in string.gmatch(text, '[^\n]+') do words[#words + 1] = word end
  if not redis.acl_check_cmd(unpack(words)) then refused[#refused + 1] = text end
end
return refused
