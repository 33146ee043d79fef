-- Releases a lease if the holder has it. KEYS: leases. ARGV: name, holder. Returns 1 if the holder had it.
local lease = redis.call('HGET', KEYS[1], ARGV[1])
if lease and string.match(lease, '^%-?%d+ (.*)$') == ARGV[2] then
    return redis.call('HDEL', KEYS[1], ARGV[1])
end
return 0
