-- Takes one document from its stored value to a new one, with everything that follows from it; or changes nothing.
--
-- KEYS: document, feed, sums, expiring, tombstones, parity bucket, order of the collection, names of the collection.
-- ARGV: stored value ('' for none), new value ('' for none), '1' to announce it, member of the sets, document id,
--       number of the bucket, its deltas (documents, high, low), place to leave ('' for none), place to take,
--       time to expire ('' for never), time to be forgotten ('' unless it is a tombstone), how many names to give up;
--       these names, the names to claim.
-- Returns {0}; {1}: the stored value is another; {2, n, document id}: the n-th name to claim is taken;
--       {3, key}: what lies there is not ours.
local member, document_id, bucket = ARGV[4], ARGV[5], ARGV[6]
local announced, given_up = ARGV[3] == '1', tonumber(ARGV[14])

-- What the members of KEYS[8] for one name begin with: no other name's begin so.
local function claim_of(name)
    return #name .. ':' .. name
end

-- 1. Everything that could go wrong is looked at before anything is written: a script is not undone.
for number, wanted in ipairs({'string', 'stream', 'hash', 'zset', 'zset', 'zset', 'zset', 'zset'}) do
    local found = redis.call('TYPE', KEYS[number]).ok
    if found ~= wanted and found ~= 'none' then
        return {3, KEYS[number]}
    end
end
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
    return {1}
end
local sums = {bucket .. 'f', bucket .. 'h', bucket .. 'l'}
if not values_to_count(KEYS[3], sums, {ARGV[7], ARGV[8], ARGV[9]}) then
    return {3, KEYS[3]}
end
if announced then
    for number = 15 + given_up, #ARGV do
        local claim = claim_of(ARGV[number])
        local bearers = redis.call('ZRANGEBYLEX', KEYS[8], '[' .. claim, '(' .. claim .. '\255', 'LIMIT', 0, 1)
        if bearers[1] then
            return {2, number - 14 - given_up, string.sub(bearers[1], #claim + 1)}
        end
    end
    -- The feed comes first: it refuses an entry when its last id is not one of ours.
    local entry = redis.pcall('XADD', KEYS[2], '0-*', 'k', ARGV[2])
    if type(entry) == 'table' and entry.err then
        return {3, KEYS[2]}
    end
end

-- 2. From here on nothing fails.
if ARGV[2] == '' then
    redis.call('DEL', KEYS[1])
else
    redis.call('SET', KEYS[1], ARGV[2])
end
for number, field in ipairs(sums) do
    if redis.call('HINCRBY', KEYS[3], field, ARGV[6 + number]) == 0 then
        redis.call('HDEL', KEYS[3], field)
    end
end
for number, time in pairs({[4] = ARGV[12], [5] = ARGV[13]}) do
    redis.call('ZREM', KEYS[number], member)
    if time ~= '' then
        redis.call('ZADD', KEYS[number], time, member)
    end
end
if ARGV[10] ~= '' then
    redis.call('ZREM', KEYS[7], ARGV[10])
    redis.call('ZREM', KEYS[6], member)
end
if ARGV[11] ~= '' then
    redis.call('ZADD', KEYS[7], 0, ARGV[11])
    redis.call('ZADD', KEYS[6], 0, member)
end
for number = 15, #ARGV do
    local claim = claim_of(ARGV[number]) .. document_id
    if number < 15 + given_up then
        redis.call('ZREM', KEYS[8], claim)
    else
        redis.call('ZADD', KEYS[8], 0, claim)
    end
end
return {0}
