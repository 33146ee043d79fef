-- Adds to fields of a hash; removes counters of zero files. KEYS: hash. ARGV: field, amount, field, amount ...
for number = 1, #ARGV, 2 do
    local value = redis.call('HINCRBY', KEYS[1], ARGV[number], ARGV[number + 1])
    if value == 0 and string.sub(ARGV[number], 1, 1) == 'f' then
        redis.call('HDEL', KEYS[1], ARGV[number], 'b' .. string.sub(ARGV[number], 2))
    end
end
return 1
