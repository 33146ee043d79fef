-- Moves a checkpoint. KEYS: checkpoints. ARGV: consumer, expected ('' for none), new.
-- Returns 1, or 0 when it stands elsewhere.
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then
    return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
