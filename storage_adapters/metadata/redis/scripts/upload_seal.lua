-- Turns a complete upload into a manifest. KEYS: upload, open uploads of the owner, expiries.
-- ARGV: upload id, time, sha256 or '', md5 or ''. Returns 1; 0: no such upload; -1: bytes are missing.
local upload = redis.call('HMGET', KEYS[1], 'status', 'size', 'received')
if not upload[1] or upload[1] == 'deleting' then
    return 0
end
if upload[1] == 'sealed' then
    return 1
end
if upload[2] ~= upload[3] then
    return -1
end
redis.call('HSET', KEYS[1], 'status', 'sealed', 'sealed_at', ARGV[2], 'sha256', ARGV[3], 'md5', ARGV[4])
redis.call('SREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return 1
