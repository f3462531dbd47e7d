#!lua flags=allow-oom
-- After a lost reply: return what the session holds besides the tokens it knows of, with inputs, as fetch would have.
-- KEYS  1 prefix
-- ARGV  1 session   2.. tokens the worker knows of
-- Returns rows as fetch does. Writes nothing. Bound: what one session holds.
--@include clock
--@include state
--@include merge
--@include claim
local known = {}
for i = 2, #ARGV do known[ARGV[i]] = true end
local held = redis.call('HGETALL', P .. 'w:' .. ARGV[1])
local rows = {}
for i = 1, #held, 2 do
  local token = held[i + 1]
  if not known[token] then
    local execution, node = string.match(held[i], '^([^|]+)|(.+)$')
    local r = redis.call('HMGET', P .. 'x:' .. execution, node, '@pl', '@pr')
    if r[1] then
      local letter, holder, failures, crashes, _, flag = read_state(r[1])
      if letter == 'R' and holder == token then
        local profile = redis.call('HGET', P .. 'p:' .. r[2], profile_field(node))
        rows[#rows + 1] = row(execution, node, token, r[2], profile, failures, crashes, flag, r[3])
      end
    end
  end
end
return rows
