-- Reads one batch of records in the order of an index. KEYS: index.
-- ARGV: '1' if descending, bounds for ZRANGEBYLEX (lower, upper), count, kind of the sort key before a file id
--       ('n' integer, 't' text, '' nothing), prefix of the records' keys, number of bytes of a record ('-1' for all).
-- Returns a flat list: file id, value, file id, value ...
local kind, prefix, length = ARGV[5], ARGV[6], ARGV[7]
local members = read_index(KEYS[1], ARGV[1] == '1', ARGV[2], ARGV[3], tonumber(ARGV[4]))
local file_ids, keys = {}, {}
for number, member in ipairs(members) do
    local behind = 1
    if kind ~= '' then
        local first = string.byte(member)
        if first == 255 then
            behind = 2
        elseif kind == 't' then
            behind = string.find(member, '\0\0', 1, true) + 2
        else
            behind = 2 + math.abs(first - 128)
        end
    end
    file_ids[number] = string.sub(member, behind)
    keys[number] = prefix .. file_ids[number]
end
local values = {}
if length ~= '-1' then
    for number, key in ipairs(keys) do
        values[number] = redis.call('GETRANGE', key, 0, length)
    end
elseif #keys > 0 then
    values = redis.call('MGET', unpack(keys))
end
local answer = {}
for number, file_id in ipairs(file_ids) do
    answer[2 * number - 1] = file_id
    answer[2 * number] = values[number]
end
return answer
