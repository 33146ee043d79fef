-- Changes one field of an upload that is not being deleted. KEYS: upload, starts of ranges, ends of ranges.
-- ARGV: 'size', the size; or 'details', the old ones, the new ones.
-- Returns 1; 0: no such upload; -1: the upload is not in the state that the caller expects.
local status = redis.call('HGET', KEYS[1], 'status')
if not status or status == 'deleting' then
    return 0
end
if ARGV[1] == 'size' then
    local size = redis.call('HGET', KEYS[1], 'size')
    local last = redis.call('ZREVRANGE', KEYS[2], 0, 0)[1]
    local stop = last and redis.call('HGET', KEYS[3], last) or '0'
    if (size ~= '' and size ~= ARGV[2]) or tonumber(stop) > tonumber(ARGV[2]) then
        return -1
    end
    redis.call('HSET', KEYS[1], 'size', ARGV[2])
else
    if redis.call('HGET', KEYS[1], 'details') ~= ARGV[2] then
        return -1
    end
    redis.call('HSET', KEYS[1], 'details', ARGV[3])
end
return 1
