-- Marks unused chunk references of one domain as garbage. KEYS: its references, unused references,
-- garbage tokens. ARGV: domain, time; then object ids.
for number = 3, #ARGV do
    local object_id = ARGV[number]
    local place = redis.call('HGET', KEYS[1], object_id)
    if place then
        local token, named, _, since = string.match(place, '^(%S+) (%d+) (%d) (%d+)$')
        if named == '0' and tonumber(since) < tonumber(ARGV[2]) then
            redis.call('HDEL', KEYS[1], object_id)
            redis.call('ZREM', KEYS[2], object_id .. ARGV[1])
            redis.call('HSET', KEYS[3], token, object_id .. ARGV[1])
        end
    end
end
return 1
