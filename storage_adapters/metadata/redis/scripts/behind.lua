-- Returns 1 when the feed reached a sequence and has every entry behind it, else 0. KEYS: feed. ARGV: sequence.
-- Ids are consecutive.
local sequence, last = tonumber(ARGV[1]), 0
if redis.call('EXISTS', KEYS[1]) == 1 then
    local stream = redis.call('XINFO', 'STREAM', KEYS[1])
    for number = 1, #stream, 2 do
        if stream[number] == 'last-generated-id' then
            last = tonumber(string.match(stream[number + 1], '%-(%d+)$'))
        end
    end
end
if sequence >= last then
    return sequence == last and 1 or 0
end
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
return oldest and tonumber(string.match(oldest[1], '%-(%d+)$')) <= sequence + 1 and 1 or 0
