-- Reads one batch of records in the order of an index. KEYS: index.
-- ARGV: '1' if descending, bounds as ZRANGEBYLEX takes them (lower, upper), how many, what lies before a file id in a
--       place ('n' integer, 't' text, '' nothing), prefix of the records' keys, how many bytes of a record ('-1' all).
-- Returns a flat list: file id, value, file id, value ...
local kind = ARGV[5]
local members = read_index(KEYS[1], ARGV[1] == '1', ARGV[2], ARGV[3], tonumber(ARGV[4]))
local answer = {}
for _, member in ipairs(members) do
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
    local file_id = string.sub(member, behind)
    answer[#answer + 1] = file_id
    answer[#answer + 1] = redis.call('GETRANGE', ARGV[6] .. file_id, 0, ARGV[7])
end
return answer
