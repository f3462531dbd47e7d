#!lua flags=allow-oom
-- End a session that holds nothing any more; one that still holds attempts is left to expire and be rescued.
-- KEYS  1 prefix      ARGV  1 session
-- Returns 1 if it is gone, else 0. Appends no event.
if redis.call('EXISTS', P .. 'w:' .. ARGV[1]) == 1 then return 0 end
redis.call('ZREM', P .. 'ses', ARGV[1])
redis.call('HDEL', P .. 'lease', ARGV[1])
return 1
