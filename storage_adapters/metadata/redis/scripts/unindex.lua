-- Removes an entry that does not belong, while the record by which that was judged is stored as it was read.
-- KEYS: record, then the hash of names, or the chunk of an index and the set of its bounds.
-- ARGV: stored value ('' for none), member or name, file id of a name ('' for a place), lower bound of the chunk.
-- Returns 1 when it was removed.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
    return 0
end
if ARGV[3] ~= '' then
    if redis.call('HGET', KEYS[2], ARGV[2]) ~= ARGV[3] then
        return 0
    end
    return redis.call('HDEL', KEYS[2], ARGV[2])
end
local removed = redis.call('ZREM', KEYS[2], ARGV[2])
if ARGV[4] ~= '' and redis.call('EXISTS', KEYS[2]) == 0 then
    redis.call('ZREM', KEYS[3], ARGV[4])
end
return removed
