-- Adds missing index entries and names of a record, if the stored record is the one that was read.
-- KEYS: record; then the hashes of names; then the indexes. ARGV: stored value, file id, number of names, '1' to write,
--       the names, the sort keys. Returns the number of missing ones, and of those that are there and are the file's;
--       both are 0 when the stored value differs.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return {0, 0}
end
local file_id, names, write = ARGV[2], tonumber(ARGV[3]), ARGV[4] == '1'
local missing, held = 0, 0
for number = 1, names do
    local key, name = KEYS[1 + number], ARGV[4 + number]
    local holder = redis.call('HGET', key, name)
    if not holder then
        missing = missing + 1
        if write then
            redis.call('HSET', key, name, file_id)
        end
    elseif holder == file_id then
        held = held + 1
    end
end
for number = 1, #KEYS - 1 - names do
    local index, member = KEYS[1 + names + number], ARGV[4 + names + number]
    local chunk = chunk_key(index, bound_of(index, member))
    if redis.call('ZSCORE', chunk, member) then
        held = held + 1
    else
        missing = missing + 1
        if write then
            put_member(index, member, chunk, redis.call('ZCARD', chunk), CHUNK)
        end
    end
end
return {missing, held}
