-- Removes the oldest entries of the feed that every checkpoint has passed. KEYS: feed, checkpoints. ARGV: limit.
-- Returns their number. Ids are consecutive, so the limit is a subtraction.
local passed
for _, sequence in ipairs(redis.call('HVALS', KEYS[2])) do
    local number = string.find(sequence, '^%d+$') and tonumber(sequence) or 0
    if not passed or number < passed then
        passed = number
    end
end
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if not passed or not oldest then
    return 0
end
local first = tonumber(string.match(oldest[1], '%-(%d+)$'))
local last = math.min(passed, first + tonumber(ARGV[1]) - 1)
if last < first then
    return 0
end
return redis.call('XTRIM', KEYS[1], 'MINID', '=', string.format('0-%.0f', last + 1))
