#!lua
-- load: opens a restaurant's live state, the only script that creates one: fresh from what PostgreSQL knows of it, or
-- rebuilt from the record in batches. Until the last of them, the restaurant is not loaded. `replace`: what is there in
-- this life of Redis (0: none) is of a business day that the record knows to be over, and goes, unless it was compared.
-- KEYS: the fixed list (lib/keys)
-- ARGV: token, first, last, replace, restaurant, policy, tickets, answers, lines, menu, stock, pace, skipped, epoch_recorded, rev_recorded, covered, since
-- REPLY: done | already_loaded superseded
-- EVENT: restaurant.loaded restaurant.rebuilt
-- COST: O(lines + menu), O(200 log n) a batch, and once through the partition's deadlines
--@use keys call outage state order deadline ticket recorded
local token, first, last, replace, record, packed_policy, tickets, answers, lines, menu, stock, pace, skipped,
  epoch_recorded, rev_recorded, covered, since = arguments()

-- Deadlines of a former life would name tickets that are gone: never to be expired, and always in the way of others.
local function forget_deadlines()
  local prefix = restaurant_id .. '|'
  for _, member in ipairs(redis.call('ZRANGE', K.deadlines, 0, -1)) do
    if string.sub(member, 1, #prefix) == prefix then redis.call('ZREM', K.deadlines, member) end
  end
end

local function begin()
  redis.call('UNLINK', K.meta, K.tickets, K.order, K.heads, K.codes, K.called, K.seated, K.missed, K.ended, K.days,
    K.stock, K.guard, K.pace, K.idem, K.idem_until)
  forget_deadlines()
  redis.call('HSET', K.meta, 'loading', token)
end

-- Kept as they are, to the byte: nothing has happened to them.
local function put_tickets()
  local joins = tonumber(redis.call('HGET', K.meta, 'joins') or 0)
  for _, packed in ipairs(cmsgpack.unpack(tickets)) do
    local ticket = cmsgpack.unpack(packed)
    redis.call('HSET', K.tickets, ticket.id, packed)
    reinstate(ticket, since)
    joins = math.max(joins, joins_seen(ticket))
  end
  if joins > 0 then redis.call('HSET', K.meta, 'joins', joins) end
end

local function put_records()
  local today = 0
  for _, line in ipairs(cmsgpack.unpack(lines)) do
    today = today + line.today
    change_line(line)
    set_until('line', line.line, line)
  end
  if today > 0 then redis.call('HSET', K.meta, 'daily', today) end
  if skipped ~= '0' then redis.call('HINCRBY', K.meta, 'joins', skipped) end
  for _, counted in ipairs(cmsgpack.unpack(stock)) do change_stock(counted[1], counted[2]) end
  changed.pace = cmsgpack.unpack(pace)
  set_until('restaurant', '', restaurant())
  set_until('announcement', '', restaurant().announcement)
  changed.restaurant, changed.policy, changed.menu = restaurant(), packed_policy, menu
end

local function may_be_replaced()
  if first ~= '1' or replace == '0' then return false end
  look_at_source()
  return tonumber(replace) == life and not is_compared()
end

if redis.call('HEXISTS', K.meta, 'restaurant') == 1 and not may_be_replaced() then return refuse('already_loaded') end
if first == '1' then
  epoch_min = math.max(tonumber(epoch_min), tonumber(epoch_recorded))
  look_at_source(true)
  begin()
else
  look_at_source()
  if redis.call('HGET', K.meta, 'loading') ~= token then return refuse('superseded') end
end
since = tonumber(since)
restaurant_read, policy_read = cmsgpack.unpack(record), cmsgpack.unpack(packed_policy)
put_tickets()
keep_recorded(answers)
if last ~= '1' then return done() end

redis.call('HDEL', K.meta, 'loading')
redis.call('HSET', K.meta, 'compared', whole(life), 'covered', whole(tonumber(covered)))
put_records()
if token == '' then
  happened('restaurant.loaded')
  return conclude(done())
end
restaurant().rebuilt_at = now
-- Deadlines that came meanwhile move on: nobody is missed because there was no Redis.
if since > 0 and redis.call('EXISTS', K.deadlines) == 1 then
  local beat = redis.call('HGET', K.src, 'heartbeat')
  if beat then note_outage(tonumber(beat)) end
  note_outage(since)
  redis.call('HSET', K.src, 'heartbeat', now)
end
local rev_kept = tonumber(redis.call('HGET', K.revs, restaurant_id) or 0)
redis.call('HSET', K.revs, restaurant_id, math.max(rev_kept, tonumber(rev_recorded)))
happened('restaurant.rebuilt')
return conclude(done())
