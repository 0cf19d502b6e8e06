-- call: who calls, Redis's clock and epoch, and how a call ends. The one place that spells ARGV.
local restaurant_id, now_given, epoch_min, role, device, account, idem_key, idem_body, idem_ttl_ms, alone,
  known, numbers = unpack(ARGV, 1, 12)

-- The script's own arguments, in the order of its ARGV header.
local function arguments()
  return unpack(ARGV, 13)
end

local function optional(text)
  if text == '' then return nil end
  return text
end

local by_staff = role == 'staff' or role == 'owner' or role == 'admin'
local by_timer = role == 'timer'

-- Now; what is added to Redis's clock because it was set back; and that clock. `life` is the epoch in which this
-- process of Redis was first found.
local now, epoch, offset, clock, life

-- A clock that was set back by no more than this is waited for: time stands still meanwhile.
local STEP_MS = 5000

-- Whole numbers for Redis as text: what it makes of a number itself costs as much as a command.
local function whole(number)
  return string.format('%d', number)
end

-- Reads the time, which never runs backwards. `due` notices a clock that was set back; from then on the step is added
-- (`offset`), and no longer when the clock alone has come to all that was seen.
local function read_clock(time, last, added, beat)
  clock = tonumber(optional(now_given)) or tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  last, offset = tonumber(last or 0), tonumber(added or 0)
  if clock + STEP_MS >= math.max(last, tonumber(beat or 0)) then offset = 0 end
  now = math.max(clock + offset, last)
end

-- Reads the time, and notices when Redis is another process than the last script found: from then on it is another
-- epoch. `raise` makes a new epoch in any case. Of a new process it keeps when it was found (`life_at`), the newest
-- time that its data knows (`copy_at`) and the epoch of its data (`former`).
local function look_at_source(raise)
  local time = redis.call('TIME')
  local seconds = tonumber(time[1])
  local info = redis.call('INFO', 'server')
  local _, from = string.find(info, 'run_id:', 1, true)
  local run_id = string.sub(info, from + 1, from + 40)
  local seen = redis.call('HMGET', K.src, 'run_id', 'last', 'life', 'offset', 'heartbeat')
  read_clock(time, seen[2], seen[4], seen[5])
  if seen[4] and offset == 0 then redis.call('HDEL', K.src, 'offset') end
  epoch = tonumber(redis.call('HGET', K.revs, 'epoch') or 0)
  life = tonumber(seen[3] or 0)
  if raise or seen[1] ~= run_id then
    local former = epoch
    epoch = math.max(epoch + 1, tonumber(epoch_min) + 1, seconds)
    redis.call('HSET', K.revs, 'epoch', epoch)
    redis.call('HSET', K.src, 'run_id', run_id, 'last', now)
    if seen[1] ~= run_id then
      life = epoch
      redis.call('HSET', K.src, 'life', life, 'life_at', now, 'copy_at', seen[2] or now, 'former', former)
    end
  end
end

local function refuse(code, ...)
  return { 'refused', code, ... }
end

local function invalid(field, code)
  return refuse('invalid', field, code)
end

-- Answers a command whose key was used before, or nothing.
local function replay()
  if idem_key == '' then return end
  local kept = redis.call('HGET', K.idem, idem_key)
  if not kept then return end
  kept = cmsgpack.unpack(kept)
  if kept.until_at <= now then return end
  if kept.body ~= idem_body then return refuse('idempotency_mismatch') end
  kept.reply[1] = 'replayed'
  return kept.reply
end

local function keep(key, body, until_at, reply)
  redis.call('HSET', K.idem, key, cmsgpack.pack({ until_at = until_at, body = body, reply = reply }))
  redis.call('ZADD', K.idem_until, whole(until_at), key)
end

-- Forgets a few answers that nobody will ask for any more.
local function forget_old_answers()
  local old = redis.call('ZRANGEBYSCORE', K.idem_until, '-inf', whole(now), 'LIMIT', '0', '5')
  if #old > 0 then
    redis.call('HDEL', K.idem, unpack(old))
    redis.call('ZREM', K.idem_until, unpack(old))
  end
end

-- What this script did, if anything: made by `happened`, written by `conclude`.
local event

-- Ends a call that was done: its answer is kept for a retry, and its event is logged and published. The event carries
-- what the answer said beside the ticket, so that a rebuild can keep it again.
local function conclude(reply)
  forget_old_answers()
  local answer
  if idem_key ~= '' then
    local until_at = now + tonumber(idem_ttl_ms)
    keep(idem_key, idem_body, until_at, reply)
    answer = { key = idem_key, body = idem_body, until_at = until_at, ahead = reply[6], left = optional(reply[8]) }
    if reply[9] then answer.dropped = { unpack(reply, 9) } end
  end
  if event then
    event.answer = answer
    local packed = cmsgpack.pack(event)
    redis.call('XADD', K.events, '*', 'event', packed)
    redis.call('SPUBLISH', K.channel, packed)
  end
  return reply
end

-- Fields of `meta` as they were when the script began: read by `perform` in one go, the others when they are asked for.
local meta_read = {}

local function meta(field)
  local value = meta_read[field]
  if value == nil then value = redis.call('HGET', K.meta, field) end
  return value
end

-- Whether the restaurant was compared with the record since Redis is this process. Until then it may lack what people
-- were told: numbers that were given out, and tickets.
local function is_compared()
  return tonumber(meta('compared') or 0) >= life
end

-- Where the restaurant stood each time that Redis became another process since it was compared last:
-- {life, epoch, rev}. Everything that the record has beyond that, and that is older than the life, Redis has lost.
local function bases()
  local kept = meta('bases')
  local list = kept and cmsgpack.unpack(kept) or {}
  if #list == 0 or list[#list][1] < life then
    local former = meta('epoch') or redis.call('HGET', K.src, 'former') or epoch
    local rev = redis.call('HGET', K.revs, restaurant_id) or 0
    list[#list + 1] = { life, tonumber(former), tonumber(rev) }
  end
  return list
end

-- While the record does not answer, what gives out numbers or acts by itself waits so long for it in a new life of
-- Redis; other commands do not. Then it goes on alone.
local PATIENCE_MS, patience_ms = 10000, 0

local function goes_on_alone()
  return alone == '1' and now - (redis.call('HGET', K.src, 'life_at') or 0) >= patience_ms
end

-- Runs a command on a restaurant that is loaded. It will look at these fields of `meta`, beside those of every command.
local function perform(run, ...)
  look_at_source()
  local fields = { 'restaurant', 'policy', 'compared', 'epoch', ... }
  local values = redis.call('HMGET', K.meta, unpack(fields))
  for i, field in ipairs(fields) do meta_read[field] = values[i] end
  if not meta_read.restaurant then return refuse('not_loaded') end
  local reply = replay()
  if reply then return reply end
  if not is_compared() and not goes_on_alone() then return refuse('not_compared') end
  reply = run()
  if reply[1] == 'done' then return conclude(reply) end
  return reply
end
