-- Returns a reference for each object id and creates missing ones. KEYS: the references of the domain, unused references.
-- ARGV: domain, time; then for each: object id, token of a new reference. Returns the token and whether it is stored, for each.
local answer = {}
for first = 3, #ARGV, 2 do
    local object_id = ARGV[first]
    local place = redis.call('HGET', KEYS[1], object_id) or (ARGV[first + 1] .. ' 0 0 0')
    local token, named, stored, since = string.match(place, '^(%S+) (%d+) (%d) (%d+)$')
    if tonumber(ARGV[2]) > tonumber(since) then
        since = ARGV[2]
    end
    redis.call('HSET', KEYS[1], object_id, string.format('%s %s %s %s', token, named, stored, since))
    if named == '0' then
        redis.call('ZADD', KEYS[2], since, object_id .. ARGV[1])
    end
    answer[#answer + 1] = token
    answer[#answer + 1] = stored
end
return answer
