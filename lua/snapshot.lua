#!lua flags=no-writes
-- snapshot: the whole live state, at one rev.
-- KEYS: the fixed list (lib/keys)
-- ARGV: none
-- REPLY: snapshot epoch rev at restaurant policy menu #lines line… #stock (item left)… #pace (class pace)… ticket… | not_loaded new_source not_compared
-- EVENT: none
-- COST: O(n)
--@use keys call
-- A source that no script has seen yet may be an older copy: `due` has to raise the epoch before it is believed.
local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local seen = redis.call('HMGET', K.src, 'run_id', 'last', 'offset', 'heartbeat', 'life', 'life_at')
if seen[1] ~= run_id then return refuse('new_source') end

local meta = redis.call('HGETALL', K.meta)
local record, lines = {}, {}
for i = 1, #meta, 2 do
  if string.sub(meta[i], 1, 5) == 'line:' then lines[#lines + 1] = meta[i + 1] else record[meta[i]] = meta[i + 1] end
end
if not record.restaurant then return refuse('not_loaded') end

read_clock(redis.call('TIME'), seen[2], seen[3], seen[4])
-- Screens keep what they show until the record was asked for what may be missing here; if it does not answer, for a
-- while.
local is_whole = tonumber(record.compared or 0) >= tonumber(seen[5] or 0)
if not is_whole and (alone ~= '1' or now - (seen[6] or 0) < PATIENCE_MS) then return refuse('not_compared') end
local revs = redis.call('HMGET', K.revs, 'epoch', restaurant_id)
local reply = { 'snapshot', tonumber(revs[1]), tonumber(revs[2]), now, record.restaurant, record.policy, record.menu }

local function append(list)
  for _, entry in ipairs(list) do reply[#reply + 1] = entry end
end

local function append_counted(list, width)
  reply[#reply + 1] = #list / width
  append(list)
end

local function append_tickets(ids)
  for from = 1, #ids, 1000 do
    append(redis.call('HMGET', K.tickets, unpack(ids, from, math.min(from + 999, #ids))))
  end
end

append_counted(lines, 1)
append_counted(redis.call('HGETALL', K.stock), 2)
append_counted(redis.call('HGETALL', K.pace), 2)
local waiting = redis.call('ZRANGE', K.order, 0, -1)
for i, member in ipairs(waiting) do waiting[i] = string.sub(member, -33) end
append_tickets(waiting)
append_tickets(redis.call('ZRANGE', K.called, 0, -1))
append_tickets(redis.call('ZRANGE', K.seated, 0, -1))
append_tickets(redis.call('ZRANGE', K.missed, 0, -1))
append_tickets(redis.call('ZRANGEBYSCORE', K.ended, '(' .. whole(now), '+inf'))
return reply
