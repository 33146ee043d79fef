-- Deletes an upload, a limited number of chunks per call; it is "deleting" until all are gone.
-- KEYS: upload, its chunks, starts of ranges, ends of ranges, the references of the domain, unused references, expiries,
--       open uploads of the owner, uploads being deleted. ARGV: upload id, domain, time, limit, '1' to delete only if
--       expired, '2' only if it is being deleted.
-- Returns 1 when it is deleted, 0 when chunks are left, -1 when there is nothing to delete.
local upload = redis.call('HMGET', KEYS[1], 'owner', 'status', 'expires_at', 'chunk_domain')
if (upload[4] or upload[1]) ~= ARGV[2] then
    return -1
end
if ARGV[5] == '1' and upload[2] ~= 'deleting' and (upload[2] ~= 'open' or tonumber(upload[3]) > tonumber(ARGV[3])) then
    return -1
end
if ARGV[5] == '2' and upload[2] ~= 'deleting' then
    return -1
end
redis.call('HSET', KEYS[1], 'status', 'deleting')
redis.call('SADD', KEYS[9], ARGV[1])
redis.call('SREM', KEYS[8], ARGV[1])
redis.call('ZREM', KEYS[7], ARGV[1])
local members = redis.call('ZRANGE', KEYS[2], 0, tonumber(ARGV[4]) - 1)
for _, member in ipairs(members) do
    local object_id = string.match(member, '^%d+:%d+:([^:]+):')
    local token, named, stored, since = string.match(redis.call('HGET', KEYS[5], object_id), '^(%S+) (%d+) (%d) (%d+)$')
    if tonumber(ARGV[3]) > tonumber(since) then
        since = ARGV[3]
    end
    redis.call('HSET', KEYS[5], object_id, string.format('%s %.0f %s %s', token, tonumber(named) - 1, stored, since))
    if named == '1' then
        redis.call('ZADD', KEYS[6], since, object_id .. ARGV[2])
    end
    redis.call('ZREM', KEYS[2], member)
end
if #members == tonumber(ARGV[4]) then
    return 0
end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
redis.call('SREM', KEYS[9], ARGV[1])
return 1
