-- Stores a new upload. KEYS: upload, open uploads of the owner, expiries. ARGV: upload id, expiry, fields and values.
-- Returns 1, or 0 when it exists.
if redis.call('EXISTS', KEYS[1]) == 1 then
    return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
return 1
