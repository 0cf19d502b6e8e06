#!lua flags=allow-oom
-- trim: what is recorded leaves the event log of a partition. A copy that was not there when this was confirmed last is
-- an older one, even if nothing had happened since.
-- KEYS: the fixed list (lib/keys) of any restaurant of the partition
-- ARGV: upto
-- REPLY: trimmed epoch now
-- EVENT: none
-- COST: O(entries that leave)
--@use keys call
local upto = arguments()

look_at_source()
local ms, seq = string.match(upto, '^(%d+)%-(%d+)$')
redis.call('XTRIM', K.events, 'MINID', string.format('%s-%.0f', ms, seq + 1))
redis.call('HSET', K.src, 'confirmed', whole(now))
return { 'trimmed', epoch, now }
