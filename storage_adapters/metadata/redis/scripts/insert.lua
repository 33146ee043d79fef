-- Stores new records with their indexes, names and counters; or nothing when one of them conflicts.
-- Makes no entry in the feed. The arguments for one key are grouped, whichever record they belong to.
--
-- KEYS: digest; the records; then the hashes of names, then those of counters.
-- ARGV: prefix of all keys; number of records; number of sort fields, and their numbers; for each record: value, file id,
--       whether it checks for full chunks ('1'), key of its bucket, its sort keys in the order of the fields, number of
--       scopes, and these; number of other places, then each index and sort key;
--       number of hashes of names; for each: number of names, then each name and the number of its record;
--       number of hashes of counters; for each: number of lines, then each field, files, bytes;
--       number of digest buckets; for each: its number, files, high, low.
-- Returns {0}; {1, number ...}: these records already exist, or one of their names is taken;
--       {3, key}: the key has a wrong type, or a counter is full.
-- Less than a full chunk: its size is not always checked, and a chunk that is too long takes three times the memory.
local FULL = CHUNK - 24
local next_arg = 0

local function take()
    next_arg = next_arg + 1
    return ARGV[next_arg]
end

local prefix, records, fields = take(), tonumber(take()), {}
for number = 1, tonumber(take()) do
    fields[number] = prefix .. 'i' .. take()
end

-- 1. Check for all conflicts before the first write: a script is not rolled back.
local in_the_way, values, file_ids = {}, {}, {}
local chunks, by_key, undivided = {}, {}, {}

-- Registers a new member of an index; returns the key that is not an index, if any. The first member of a chunk that
-- checks the size ensures that the chunk is split in time.
local function note_place(index, member, looks)
    local bound = ''
    if undivided[index] == nil then
        undivided[index] = false
    elseif undivided[index] == false then
        undivided[index] = redis.call('EXISTS', index .. '/') == 0 or 'no'
    end
    if undivided[index] ~= true then
        local found = redis.pcall('ZREVRANGEBYLEX', index .. '/', '[' .. member, '-', 'LIMIT', 0, 1)
        if found.err then
            return index .. '/'
        end
        bound = found[1] or ''
        undivided[index] = bound ~= '' and 'no' or undivided[index]
    end
    local key = chunk_key(index, bound)
    local chunk = by_key[key]
    if not chunk then
        chunk = {index = index, key = key, members = {}}
        by_key[key] = chunk
        chunks[#chunks + 1] = chunk
    end
    chunk.members[#chunk.members + 1] = member
    if looks and not chunk.size then
        chunk.size = redis.pcall('ZCARD', key)
        return type(chunk.size) == 'table' and key or nil
    end
end

for number = 1, records do
    values[2 * number - 1], values[2 * number] = KEYS[1 + number], take()
    file_ids[number] = take()
    local looks = take() == '1'
    local wrong = note_place(take(), file_ids[number], looks)
    local members = {}
    for field = 1, #fields do
        members[field] = take()
    end
    for _ = 1, tonumber(take()) do
        local scope = take()
        for field, index in ipairs(fields) do
            wrong = wrong or note_place(index .. scope, members[field], looks)
        end
    end
    for _ = 1, tonumber(take()) do
        local index, member = take(), take()
        wrong = wrong or note_place(index, member, looks)
    end
    if wrong then
        return {3, wrong}
    end
end
if redis.call('EXISTS', unpack(KEYS, 2, 1 + records)) > 0 then
    for number = 1, records do
        in_the_way[number] = redis.call('EXISTS', KEYS[1 + number]) == 1 or nil
    end
end

local next_key = 1 + records
local names = {}
for each = 1, tonumber(take()) do
    next_key = next_key + 1
    local asked, claims = {}, {}
    for number = 1, tonumber(take()) do
        asked[number] = take()
        claims[number] = tonumber(take())
    end
    local holders = redis.pcall('HMGET', KEYS[next_key], unpack(asked))
    if holders.err then
        return {3, KEYS[next_key]}
    end
    local line = {}
    for number, name in ipairs(asked) do
        local file_id = file_ids[claims[number]]
        if holders[number] and holders[number] ~= file_id then
            in_the_way[claims[number]] = true
        end
        line[2 * number - 1], line[2 * number] = name, file_id
    end
    names[each] = {KEYS[next_key], line}
end

if next(in_the_way) then
    local answer = {1}
    for number in pairs(in_the_way) do
        answer[#answer + 1] = number
    end
    return answer
end

local sums = {}
for each = 1, tonumber(take()) do
    next_key = next_key + 1
    local counted, deltas = {}, {}
    for number = 1, 2 * tonumber(take()), 2 do
        local field = take()
        counted[number], counted[number + 1] = 'f' .. field, 'b' .. field
        deltas[number], deltas[number + 1] = take(), take()
    end
    sums[each] = {KEYS[next_key], counted, deltas}
end
local digest = {KEYS[1], {}, {}}
for _ = 1, tonumber(take()) do
    local bucket = take()
    for _, letter in ipairs({'f', 'h', 'l'}) do
        digest[2][#digest[2] + 1] = bucket .. letter
        digest[3][#digest[3] + 1] = take()
    end
end
sums[#sums + 1] = digest
for _, line in ipairs(sums) do
    line[4] = values_to_count(line[1], line[2], line[3])
    if not line[4] then
        return {3, line[1]}
    end
end

-- 2. Index entries come first: they can be removed again when a key has a wrong type.
local function put_one_by_one(chunk)
    for _, member in ipairs(chunk.members) do
        local bound, key, size = find_chunk(chunk.index, member)
        if not bound then
            return key
        end
        put_member(chunk.index, member, key, size, FULL)
    end
end

for number, chunk in ipairs(chunks) do
    local wrong
    if chunk.size and chunk.size + #chunk.members > FULL then
        wrong = put_one_by_one(chunk)
    elseif add_members(chunk.key, chunk.members) then
        wrong = chunk.key
    end
    if wrong then
        for done = 1, number do
            local index = chunks[done].index
            for _, member in ipairs(chunks[done].members) do
                redis.pcall('ZREM', chunk_key(index, bound_of(index, member)), member)
            end
        end
        return {3, wrong}
    end
end

-- 3. From here on nothing fails.
redis.call('MSET', unpack(values))
for _, line in ipairs(names) do
    redis.call('HSET', line[1], unpack(line[2]))
end
for _, line in ipairs(sums) do
    count(line[1], line[2], line[3], line[4])
end
return {0}
