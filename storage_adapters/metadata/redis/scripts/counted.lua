-- Reads counters and sums at one change. KEYS: feed, then the hashes of counters and sums.
-- Returns a list: last sequence ('' for none), then each hash as a flat list.
local answer = {''}
if redis.call('EXISTS', KEYS[1]) == 1 then
    local stream = redis.call('XINFO', 'STREAM', KEYS[1])
    for number = 1, #stream, 2 do
        if stream[number] == 'last-generated-id' then
            answer[1] = string.match(stream[number + 1], '%-(%d+)$')
        end
    end
end
for number = 2, #KEYS do
    answer[number] = redis.call('HGETALL', KEYS[number])
end
return answer
