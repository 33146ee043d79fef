-- Hashes of counters.
local EXACT = 2 ^ 53

-- Returns the values to which HINCRBY will add the deltas; nil when a sum would not fit into 64 bits, with a margin for
-- the rounding of Lua's numbers.
local function values_to_count(key, fields, deltas)
    local values = redis.pcall('HMGET', key, unpack(fields))
    if values.err then
        return nil
    end
    for number, delta in ipairs(deltas) do
        local value = values[number] or '0'
        if not string.find(value, '^%-?%d+$') or math.abs(tonumber(value) + tonumber(delta)) >= 9.2e18 then
            return nil
        end
        values[number] = value
    end
    return values
end

-- Adds deltas to the values just read. Sums that fit into Lua's numbers are written at once.
local function count(key, fields, deltas, values)
    local written, gone = {}, {}
    for number, field in ipairs(fields) do
        local value, delta = tonumber(values[number]), tonumber(deltas[number])
        if math.max(math.abs(value), math.abs(delta)) >= EXACT / 2 then
            redis.call('HINCRBY', key, field, deltas[number])
        else
            written[#written + 1] = field
            written[#written + 1] = string.format('%.0f', value + delta)
        end
        if value + delta == 0 and string.sub(field, 1, 1) == 'f' then
            gone[#gone + 1] = field
            gone[#gone + 1] = 'b' .. string.sub(field, 2)
        end
    end
    if #written > 0 then
        redis.call('HSET', key, unpack(written))
    end
    if #gone > 0 then
        redis.call('HDEL', key, unpack(gone))
    end
end
