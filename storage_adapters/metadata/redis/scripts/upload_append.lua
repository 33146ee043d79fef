-- Adds stored chunks to an open upload: all of them, or none.
-- KEYS: upload, its chunks, starts of ranges, ends of ranges, the references of the domain, unused references, expiries.
-- ARGV: upload id, domain, expiry; then for each chunk: offset, size, object id, token, in the order of the offsets.
-- Returns {1}; {0}: no such upload; {-1, reason}; {-2, object id}: its token is not that of the reference.
local upload = redis.call('HMGET', KEYS[1], 'status', 'size', 'owner', 'chunk_domain')
if not upload[1] or upload[1] == 'deleting' or (upload[4] or upload[3]) ~= ARGV[2] then
    return {0}
end

-- 1. Find the new chunks and check that they fit.
local fresh, before = {}, 0
for first = 4, #ARGV, 4 do
    local offset, size, object_id, token = tonumber(ARGV[first]), tonumber(ARGV[first + 1]), ARGV[first + 2], ARGV[first + 3]
    local member = string.format('%.0f:%.0f:%s:%s', offset, size, object_id, token)
    if not redis.call('ZSCORE', KEYS[2], member) then
        if upload[1] ~= 'open' then
            return {-1, 'the upload takes no more bytes'}
        end
        if upload[2] ~= '' and offset + size > tonumber(upload[2]) then
            return {-1, 'the upload ends at ' .. upload[2]}
        end
        local start = redis.call('ZREVRANGEBYSCORE', KEYS[3], string.format('(%.0f', offset + size), '-inf', 'LIMIT', 0, 1)[1]
        if offset < before or (start and tonumber(redis.call('HGET', KEYS[4], start)) > offset) then
            return {-1, string.format('other bytes stand at %.0f', offset)}
        end
        local place = redis.call('HGET', KEYS[5], object_id)
        if not place or string.match(place, '^%S+') ~= token then
            return {-2, object_id}
        end
        before = offset + size
        fresh[#fresh + 1] = {offset, size, object_id, member}
    end
end

-- 2. From here on nothing fails.
local received = 0
for _, chunk in ipairs(fresh) do
    local offset, size, object_id, member = unpack(chunk)
    local token, named, _, since = string.match(redis.call('HGET', KEYS[5], object_id), '^(%S+) (%d+) (%d) (%d+)$')
    redis.call('HSET', KEYS[5], object_id, string.format('%s %.0f 1 %s', token, tonumber(named) + 1, since))
    redis.call('ZREM', KEYS[6], object_id .. ARGV[2])
    redis.call('ZADD', KEYS[2], offset, member)
    local start, stop = string.format('%.0f', offset), string.format('%.0f', offset + size)
    local left = redis.call('ZREVRANGEBYSCORE', KEYS[3], '(' .. start, '-inf', 'LIMIT', 0, 1)[1]
    local right = redis.call('HGET', KEYS[4], stop)
    if right then
        redis.call('ZREM', KEYS[3], stop)
        redis.call('HDEL', KEYS[4], stop)
        stop = right
    end
    if left and redis.call('HGET', KEYS[4], left) == start then
        start = left
    else
        redis.call('ZADD', KEYS[3], start, start)
    end
    redis.call('HSET', KEYS[4], start, stop)
    received = received + size
end
redis.call('HINCRBY', KEYS[1], 'received', string.format('%.0f', received))
redis.call('HINCRBY', KEYS[1], 'chunks', #fresh)
if upload[1] == 'open' and tonumber(ARGV[3]) > tonumber(redis.call('HGET', KEYS[1], 'expires_at')) then
    redis.call('HSET', KEYS[1], 'expires_at', ARGV[3])
    redis.call('ZADD', KEYS[7], ARGV[3], ARGV[1])
end
return {1}
