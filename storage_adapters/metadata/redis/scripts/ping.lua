-- Writes nothing, but is refused like a write: when memory or disk is full, and on a replica.
return redis.call('EXISTS', KEYS[1])
