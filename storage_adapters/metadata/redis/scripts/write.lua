-- Changes one record from its old state to a new one with all that depends on it; or changes nothing.
-- The caller computes the dependent changes from the old state, so the stored value must still be exactly that.
-- Without a header it is a copy from another store: it makes no entry in the feed, and takes names from other files.
--
-- KEYS: record, feed, digest, unclean, waiting; then one for each line of the lists below, in their order.
-- ARGV: stored value ('' for none), new value ('' for none), entry's header, entry's document, file id,
--       whether it becomes an unclean tombstone ('1'), digest bucket, its deltas (files, high, low);
--       the lengths of five lists; the lists: names to release (name), names to claim (name),
--       counters (field, files, bytes), entries to remove (sort key), entries to add (sort key).
-- Returns {0}; {1}: the stored value differs; {2, n, file id}: the n-th name to claim is taken;
--       {3, key}: the key has a wrong type, or a counter is full.
local file_id, bucket = ARGV[5], ARGV[7]
local is_copy = ARGV[3] == ''
local next_key, next_arg = 6, 16

local function take_list(length, width)
    local list = {}
    for number = 1, tonumber(length) do
        local line = {KEYS[next_key]}
        for column = 1, width do
            line[column + 1] = ARGV[next_arg]
            next_arg = next_arg + 1
        end
        list[number] = line
        next_key = next_key + 1
    end
    return list
end

local given_up = take_list(ARGV[11], 1)
local claimed = take_list(ARGV[12], 1)
local counters = take_list(ARGV[13], 3)
local left = take_list(ARGV[14], 1)
local taken = take_list(ARGV[15], 1)

local function has_type(key, wanted)
    local found = redis.call('TYPE', key).ok
    return found == wanted or found == 'none'
end

-- Returns the prefix of the members of KEYS[5] for one name; it is unique to that name.
local function claim_of(key, name)
    return #key .. ':' .. key .. #name .. ':' .. name
end

-- Releases a name to the first file that waits for it, or stops waiting for it.
local function give_up(key, name)
    if redis.call('HGET', key, name) ~= file_id then
        redis.call('ZREM', KEYS[5], claim_of(key, name) .. file_id)
        return
    end
    local claim = claim_of(key, name)
    local waiting = redis.call('ZRANGEBYLEX', KEYS[5], '[' .. claim, '(' .. claim .. '\255', 'LIMIT', 0, 1)[1]
    if waiting then
        redis.call('ZREM', KEYS[5], waiting)
        redis.call('HSET', key, name, string.sub(waiting, #claim + 1))
    else
        redis.call('HDEL', key, name)
    end
end

-- 1. Check everything that can fail before the first write: a script is not rolled back.
for number, wanted in pairs({[1] = 'string', [2] = 'stream', [4] = 'zset', [5] = 'zset'}) do
    if not has_type(KEYS[number], wanted) then
        return {3, KEYS[number]}
    end
end
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
    return {1}
end
for _, list in ipairs({given_up, claimed}) do
    for _, line in ipairs(list) do
        if not has_type(line[1], 'hash') then
            return {3, line[1]}
        end
    end
end
for number, line in ipairs(claimed) do
    local holder = redis.call('HGET', line[1], line[2])
    if holder and holder ~= file_id then
        if not is_copy then
            return {2, number, holder}
        end
        line.holder = holder
    end
end
for _, line in ipairs(counters) do
    if not values_to_count(line[1], {'f' .. line[2], 'b' .. line[2]}, {line[3], line[4]}) then
        return {3, line[1]}
    end
end
if not values_to_count(KEYS[3], {bucket .. 'f', bucket .. 'h', bucket .. 'l'}, {ARGV[8], ARGV[9], ARGV[10]}) then
    return {3, KEYS[3]}
end
for _, list in ipairs({left, taken}) do
    for _, line in ipairs(list) do
        line.bound, line.chunk, line.size = find_chunk(line[1], line[2])
        if not line.bound then
            return {3, line.chunk}
        end
    end
end

-- 2. The feed comes first: it rejects an entry when its last id is not one of ours.
if not is_copy then
    local entry = redis.pcall('XADD', KEYS[2], '0-*', 'h', ARGV[3], 'd', ARGV[4])
    if type(entry) == 'table' and entry.err then
        return {3, KEYS[2]}
    end
end

-- 3. From here on nothing fails.
if ARGV[2] == '' then
    redis.call('DEL', KEYS[1])
else
    redis.call('SET', KEYS[1], ARGV[2])
end
for _, line in ipairs(given_up) do
    give_up(line[1], line[2])
end
for _, line in ipairs(claimed) do
    if line.holder then
        redis.call('ZADD', KEYS[5], 0, claim_of(line[1], line[2]) .. line.holder)
    end
    redis.call('HSET', line[1], line[2], file_id)
end
for _, line in ipairs(counters) do
    redis.call('HINCRBY', line[1], 'b' .. line[2], line[4])
    if redis.call('HINCRBY', line[1], 'f' .. line[2], line[3]) == 0 then
        redis.call('HDEL', line[1], 'f' .. line[2], 'b' .. line[2])
    end
end
for number, letter in ipairs({'f', 'h', 'l'}) do
    redis.call('HINCRBY', KEYS[3], bucket .. letter, ARGV[7 + number])
end
if ARGV[6] == '1' then
    redis.call('ZADD', KEYS[4], 0, file_id)
elseif is_copy then
    redis.call('ZREM', KEYS[4], file_id)
end
-- Entries are added before others are removed, so that the chunks found above are still valid. An index has at most one
-- entry of a file, so only a removal can meet a chunk that was split meanwhile.
for _, line in ipairs(taken) do
    put_member(line[1], line[2], line.chunk, line.size, CHUNK)
end
for _, line in ipairs(left) do
    local index, member, bound, chunk = line[1], line[2], line.bound, line.chunk
    if redis.call('ZREM', chunk, member) == 0 then
        bound = bound_of(index, member)
        chunk = chunk_key(index, bound)
        redis.call('ZREM', chunk, member)
    end
    if bound ~= '' and redis.call('EXISTS', chunk) == 0 then
        redis.call('ZREM', index .. '/', bound)
    end
end
return {0}
