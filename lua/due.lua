#!lua flags=allow-oom
-- due: the deadlines of a partition that have come, at most 100, oldest first; keeps the heartbeat by which an outage
-- is known, time going on when Redis's clock is set back, and the event log below a last bound, should nobody record.
-- KEYS: the fixed list (lib/keys) of any restaurant of the partition
-- ARGV: log_max, expected, offset_known
-- REPLY: due epoch now offset (deadline at)…
-- EVENT: none
-- COST: O(log n + 100)
--@use keys call outage
local log_max, expected, offset_known = arguments()

-- An idle partition is only read: its timers cost no disk write.
local BEAT_MS = 2000

-- An offset loses one part in so many of the time that passes: an hour is gone after two days.
local SHRINKING = 50

look_at_source()
local beat = redis.call('HGET', K.src, 'heartbeat')

-- What time it is at least: somebody saw it here, or a server that looked before has counted on by its monotonic clock.
-- What it counted from another offset is not of this time.
local at_least = math.max(now, tonumber(beat or 0))
if expected ~= '' and tonumber(offset_known) == offset then at_least = math.max(at_least, tonumber(expected)) end
if at_least - (clock + offset) > STEP_MS then
  now, offset = at_least, at_least - clock
  redis.call('HSET', K.src, 'offset', whole(offset), 'last', whole(now))
elseif offset > 0 and redis.call('HLEN', K.revs) > 1 then
  -- A clock that was wrong before it was set back is right now, so what is added shrinks, too slowly to be noticed.
  -- Time is noted meanwhile: it must not fall because nothing happens here.
  local last = tonumber(redis.call('HGET', K.src, 'last'))
  if now - last >= BEAT_MS then
    offset = math.max(0, offset - math.floor((now - last) / SHRINKING))
    now = math.max(clock + offset, last)
    redis.call('HSET', K.src, 'offset', whole(offset), 'last', whole(now))
  end
end

if redis.call('EXISTS', K.deadlines) == 0 then
  if beat then redis.call('HDEL', K.src, 'heartbeat') end
else
  if beat then note_outage(tonumber(beat)) end
  if not beat or now - beat >= BEAT_MS then redis.call('HSET', K.src, 'heartbeat', now) end
end
if log_max ~= '' then redis.call('XTRIM', K.events, 'MAXLEN', '~', log_max) end
local come = redis.call('ZRANGEBYSCORE', K.deadlines, '-inf', now, 'WITHSCORES', 'LIMIT', 0, 100)
return { 'due', epoch, now, offset, unpack(come) }
