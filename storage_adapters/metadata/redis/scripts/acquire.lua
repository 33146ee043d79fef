-- Takes or renews a lease. KEYS: leases. ARGV: name, holder, now, until. Returns 1, or 0 when another holder has it.
local lease = redis.call('HGET', KEYS[1], ARGV[1])
if lease then
    local over, holder = string.match(lease, '^(%-?%d+) (.*)$')
    if holder ~= ARGV[2] and tonumber(over) > tonumber(ARGV[3]) then
        -- An end beyond the requested one was written by a clock that was ahead.
        if tonumber(over) > tonumber(ARGV[4]) then
            redis.call('HSET', KEYS[1], ARGV[1], ARGV[4] .. ' ' .. holder)
        end
        return 0
    end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[4] .. ' ' .. ARGV[2])
return 1
