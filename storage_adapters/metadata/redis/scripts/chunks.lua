-- Sorted indexes in chunks: rule 6 of keys.py. Redis compares all strings: Lua's < depends on the locale.
local CHUNK = 128

-- Returns the lower bound of a member's chunk; that of the first chunk is ''.
local function bound_of(index, member)
    return redis.call('ZREVRANGEBYLEX', index .. '/', '[' .. member, '-', 'LIMIT', 0, 1)[1] or ''
end

local function chunk_key(index, bound)
    if bound == '' then
        return index
    end
    return index .. '=' .. bound
end

-- Returns up to count members between two bounds of ZRANGEBYLEX, in order. Reads only chunks that contain some of them,
-- and one at either end.
local function read_index(index, descending, lower, upper, count)
    local members = {}
    local first = descending and upper or lower
    local bound = ''
    if first == '+' then
        bound = redis.call('ZREVRANGEBYLEX', index .. '/', '+', '-', 'LIMIT', 0, 1)[1] or ''
    elseif first ~= '-' then
        bound = bound_of(index, string.sub(first, 2))
    end
    while bound do
        local chunk = chunk_key(index, bound)
        local wanted = count - #members
        local found
        if descending then
            found = redis.call('ZREVRANGEBYLEX', chunk, upper, lower, 'LIMIT', 0, wanted)
        else
            found = redis.call('ZRANGEBYLEX', chunk, lower, upper, 'LIMIT', 0, wanted)
        end
        for _, member in ipairs(found) do
            members[#members + 1] = member
        end
        if #members >= count then
            break
        end
        if not descending then
            bound = redis.call('ZRANGEBYLEX', index .. '/', '(' .. bound, upper, 'LIMIT', 0, 1)[1]
        elseif bound == '' or redis.call('ZLEXCOUNT', index .. '/', lower, '[' .. bound) == 0 then
            bound = nil
        else
            bound = redis.call('ZREVRANGEBYLEX', index .. '/', '(' .. bound, '-', 'LIMIT', 0, 1)[1] or ''
        end
    end
    return members
end

-- Returns a member's chunk: lower bound, key and size. For a key that is not an index: nil and that key.
local function find_chunk(index, member)
    local found = redis.pcall('ZREVRANGEBYLEX', index .. '/', '[' .. member, '-', 'LIMIT', 0, 1)
    if found.err then
        return nil, index .. '/'
    end
    local bound = found[1] or ''
    local chunk = chunk_key(index, bound)
    local size = redis.pcall('ZCARD', chunk)
    if type(size) == 'table' then
        return nil, chunk
    end
    return bound, chunk, size
end

-- Adds members to one chunk; returns the error when the key is not a chunk.
local function add_members(chunk, members)
    local arguments = {}
    for number, member in ipairs(members) do
        arguments[2 * number - 1] = '0'
        arguments[2 * number] = member
    end
    local added = redis.pcall('ZADD', chunk, unpack(arguments))
    return type(added) == 'table' and added.err or nil
end

-- Adds a member to its chunk, as found by find_chunk, and splits the chunk when it is full.
local function put_member(index, member, chunk, size, full)
    if size >= full then
        -- Times grow: a member after the last one starts a new chunk and leaves the old one full.
        local moved, bound = {}, member
        if redis.call('ZLEXCOUNT', chunk, '(' .. member, '+') > 0 then
            moved = redis.call('ZRANGE', chunk, math.floor(size / 2), -1)
            bound = moved[1]
        end
        local upper = chunk_key(index, bound)
        if redis.call('EXISTS', upper) == 0 then
            if #moved > 0 then
                add_members(upper, moved)
                redis.call('ZREMRANGEBYRANK', chunk, math.floor(size / 2), -1)
            end
            redis.call('ZADD', index .. '/', '0', bound)
            chunk = chunk_key(index, bound_of(index, member))
        end
    end
    redis.call('ZADD', chunk, '0', member)
end
