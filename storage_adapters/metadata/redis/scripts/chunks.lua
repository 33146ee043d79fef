-- Sorted indexes in chunks: rule 6 of keys.py. Strings are compared by Redis alone: Lua's < follows the locale.
local CHUNK = 128

-- The lower bound of the chunk that has, or would have, the member; the first chunk's is ''.
local function bound_of(index, member)
    return redis.call('ZREVRANGEBYLEX', index .. '/', '[' .. member, '-', 'LIMIT', 0, 1)[1] or ''
end

local function chunk_key(index, bound)
    if bound == '' then
        return index
    end
    return index .. '=' .. bound
end

-- Up to count members within two bounds of ZRANGEBYLEX, in order. Reads only chunks that hold some of them, and one
-- at either end.
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
