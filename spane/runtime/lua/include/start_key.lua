-- Where a start key stands: `key:<workflow>:<key>` names the one execution of a key, `recent:...` the start of a period that
-- lets no other in (throttle), `quiet:...` the one that begins when nobody has asked for so long (debounce). A tenant's keys
-- are its own, `key:<workflow>:<tenant>|<key>`; neither has a `|` in it.
local function start_key_of(kind, workflow, tenant, key)
  return P .. kind .. ':' .. workflow .. ':' .. (tenant ~= '' and tenant .. '|' or '') .. key
end
