-- Reads rows in the order of paths: files with their records, and of each folder below its first place alone.
-- KEYS: index. ARGV: lower bound for ZRANGEBYLEX, most rows, length of the prefix and delimiter as they stand in places,
--       prefix of the records' keys.
-- Returns a flat list: place, record ('' for a folder), place, record ... and the lower bound of what follows.
local lower, most, prefix = ARGV[1], tonumber(ARGV[2]), ARGV[5]
local start, delimiter = tonumber(ARGV[3]) + 1, ARGV[4]
local FIRST = 1

-- Returns the first text behind all that begin with another one; behind 00 FF, a NUL, comes 01.
local function text_beyond(text)
    if string.byte(text, -1) == 255 then
        text = string.sub(text, 1, -2)
    end
    return string.sub(text, 1, -2) .. string.char(string.byte(text, -1) + 1)
end

local answer, rows, keys, numbers, batch = {}, 0, {}, {}, FIRST
local is_more = true
while is_more and rows < most do
    local wanted = math.min(batch, most - rows)
    local members = read_index(KEYS[1], false, lower, '+', wanted)
    is_more, batch = #members == wanted, 2 * batch
    for _, member in ipairs(members) do
        local behind = string.find(member, '\0\0', 1, true)
        local _, last = string.find(member, delimiter, start, true)
        rows = rows + 1
        answer[2 * rows - 1], answer[2 * rows] = member, ''
        if last and last < behind then
            lower, is_more, batch = '[' .. text_beyond(string.sub(member, 1, last)), true, FIRST
            break
        end
        lower = '(' .. member
        keys[#keys + 1], numbers[#keys + 1] = prefix .. string.sub(member, behind + 2), rows
    end
end
if #keys > 0 then
    for number, value in ipairs(redis.call('MGET', unpack(keys))) do
        answer[2 * numbers[number]] = value
    end
end
answer[2 * rows + 1] = lower
return answer
