-- Replaces a tombstone by one without blobs. KEYS: record, unclean.
-- ARGV: the tombstone, new value, file id. Returns 1, or 0 when the stored value differs.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 0
end
redis.call('ZREM', KEYS[2], ARGV[3])
redis.call('SET', KEYS[1], ARGV[2])
return 1
