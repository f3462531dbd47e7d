-- The one clock: the time injected by an in-process test, else Redis's own. Milliseconds.
local function clock(injected)
  if injected ~= '' then return tonumber(injected) end
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- A number as Redis text: never with an exponent, never with a fraction.
local function int(number)
  return string.format('%d', number)
end
