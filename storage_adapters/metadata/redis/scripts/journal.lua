-- Replaces a document of the journal. KEYS: journal. ARGV: name, whether a document exists ('1'), that document, the new one.
-- Returns 1, or 0 when the stored document differs.
local found = redis.call('HGET', KEYS[1], ARGV[1])
if (found and '1' or '0') ~= ARGV[2] or (found or '') ~= ARGV[3] then
    return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[4])
return 1
