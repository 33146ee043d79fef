-- Removes a stray entry, if the stored record is the one by which it was judged.
-- KEYS: record, then the hash of names, or the chunk of an index and the set of its bounds.
-- ARGV: stored value ('' for none), member or name, file id of a name ('' for an entry), lower bound of the chunk,
--       '1' to remove it. Returns 1 when the entry exists and is stray.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
    return 0
end
local remove = ARGV[5] == '1'
if ARGV[3] ~= '' then
    if redis.call('HGET', KEYS[2], ARGV[2]) ~= ARGV[3] then
        return 0
    end
    return remove and redis.call('HDEL', KEYS[2], ARGV[2]) or 1
end
if not redis.call('ZSCORE', KEYS[2], ARGV[2]) then
    return 0
end
if remove then
    redis.call('ZREM', KEYS[2], ARGV[2])
    if ARGV[4] ~= '' and redis.call('EXISTS', KEYS[2]) == 0 then
        redis.call('ZREM', KEYS[3], ARGV[4])
    end
end
return 1
