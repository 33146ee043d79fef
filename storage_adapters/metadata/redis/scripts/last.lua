-- Returns the newest sequence ever assigned, also when its entry was trimmed; '' before the first. KEYS: feed.
if redis.call('EXISTS', KEYS[1]) == 0 then
    return ''
end
local stream = redis.call('XINFO', 'STREAM', KEYS[1])
for number = 1, #stream, 2 do
    if stream[number] == 'last-generated-id' then
        return string.match(stream[number + 1], '%-(%d+)$')
    end
end
return ''
