-- What a dead letter leaves when it is retried: its node as if it had not run, a step that is to run again, or a handler
-- that hears of the next failure.
--@include event
--@include compensate
-- Take a node out of the dead letters, with what it left.
local function forget_letter(execution, node)
  if redis.call('ZREM', P .. 'dl', execution .. '|' .. node) == 1 then
    redis.call('HINCRBY', P .. 'x:' .. execution, '@dl', -1)
  end
  redis.call('HDEL', P .. 'o:' .. execution, node)
  -- What it waited for it waits for anew; but the items of a map have ended, and only their results are joined again.
  if redis.call('HEXISTS', P .. 'x:' .. execution, '@m:' .. node) == 0 then
    redis.call('HDEL', P .. 'o:' .. execution, '@w:' .. node)
  end
end

-- Have a step that failed run again: now, or after what runs by now. An execution that had ended compensates again, to the
-- same end.
local function retry_step(execution, step, status, now)
  local X = P .. 'x:' .. execution
  forget_letter(execution, step)
  event('d', execution .. '|' .. step .. '|' .. redis.call('HGET', X, '@g'))
  redis.call('HDEL', X, step)
  local undone = string.match(step, '^(.*)~undo$')
  if undone then
    redis.call('RPUSH', P .. 'u:' .. execution, undone)
    redis.call('HSET', X, '@u', '1')
  else
    redis.call('HDEL', X, '@told')
  end
  if status ~= 'compensating' then compensate(execution, status, now, {}) end
end

-- Forget that the handler heard of a failure, in an execution that goes on: it hears of the next one as well.
local function forget_handler(execution)
  local X = P .. 'x:' .. execution
  local h = redis.call('HMGET', X, '@pl', '@told')
  redis.call('HDEL', X, '@fate')
  if not h[2] then return end
  local handler = redis.call('HGET', P .. 'p:' .. h[1], 'handler')
  forget_letter(execution, handler)
  redis.call('HDEL', X, handler, '@told')
  redis.call('HDEL', P .. 'o:' .. execution, '@failed')
end
