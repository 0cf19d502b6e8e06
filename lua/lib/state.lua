-- state: reading and changing the restaurant's records. Changes are collected and written by `happened`, in one go,
-- with the event that carries them.
local policy_read
local function policy()
  policy_read = policy_read or cmsgpack.unpack(meta('policy'))
  return policy_read
end

local restaurant_read
local function restaurant()
  restaurant_read = restaurant_read or cmsgpack.unpack(meta('restaurant'))
  return restaurant_read
end

local lines_read = {}
local function line_of(letter)
  if not lines_read[letter] then
    local packed = meta('line:' .. letter)
    lines_read[letter] = packed and cmsgpack.unpack(packed)
  end
  return lines_read[letter]
end

local function all_lines()
  local lines = {}
  for _, field in ipairs(redis.call('HKEYS', K.meta)) do
    local letter = string.match(field, '^line:(%u)$')
    if letter then lines[#lines + 1] = line_of(letter) end
  end
  return lines
end

local tickets_read = {}
local function ticket_of(id)
  if not tickets_read[id] then
    local packed = redis.call('HGET', K.tickets, id)
    tickets_read[id] = packed and cmsgpack.unpack(packed)
  end
  return tickets_read[id]
end

-- Records to be written; policy and menu are packed already.
local changed = { tickets = {}, lines = {}, stock = {}, pace = {}, seen = {} }

local function change_ticket(ticket)
  if not changed.seen[ticket] then
    changed.seen[ticket] = true
    changed.tickets[#changed.tickets + 1] = ticket
  end
end

local function change_line(line)
  if not changed.seen[line] then
    changed.seen[line] = true
    changed.lines[#changed.lines + 1] = line
  end
end

-- How many have joined on this business day.
local function change_daily(joins)
  changed.daily = joins
end

local function change_restaurant()
  changed.restaurant = restaurant()
end

-- -1 stands for an item that is not counted.
local function change_stock(item, left)
  changed.stock[item] = left
end

-- Units left of a counted item, else nothing.
local function stock_left(item)
  return tonumber(changed.stock[item] or redis.call('HGET', K.stock, item) or -1)
end

-- Each record is packed once: Redis keeps and the event carries the same text.
local packed_of = {}

-- The version of records and events that is written here. One that a newer server has changed stays marked as newer.
local VERSION = 1

-- Tickets that were passed or waited longer, and on which nobody acted.
local aside = {}

-- Packs a record, which says from now on in which epoch somebody acted on it last: a later one knows by that what it
-- knows.
local function pack(record)
  if not aside[record] then record.epoch = epoch end
  record.v = math.max(record.v or VERSION, VERSION)
  packed_of[record] = cmsgpack.pack(record)
  return packed_of[record]
end

-- Packs each; its field and its text are added to what is to be written. An empty list is left out.
local function packed_list(records, writes, field_of)
  if #records == 0 then return end
  local list = {}
  for i, record in ipairs(records) do
    list[i] = pack(record)
    writes[#writes + 1], writes[#writes + 2] = field_of(record), list[i]
  end
  return list
end

-- All fields of a hash at once: each command costs more than a field. No more than can be handed over.
local function write_fields(key, writes)
  for from = 1, #writes, 1000 do
    redis.call('HSET', key, unpack(writes, from, math.min(from + 999, #writes)))
  end
end

-- Keeps what was left of an item when a life began that is not compared yet.
local function note_stock(item)
  if is_compared() then return end
  redis.call('HSETNX', K.meta, 'stock:' .. item, redis.call('HGET', K.stock, item) or -1)
end

-- Writes what has changed, and puts it into the event.
local function write_changes()
  local tickets, meta_writes = {}, {}
  event.tickets = packed_list(changed.tickets, tickets, function(ticket) return ticket.id end)
  event.lines = packed_list(changed.lines, meta_writes, function(line) return 'line:' .. line.line end)
  write_fields(K.tickets, tickets)
  for item, left in pairs(changed.stock) do
    note_stock(item)
    if left < 0 then redis.call('HDEL', K.stock, item) else redis.call('HSET', K.stock, item, left) end
  end
  -- An empty table would travel as a list.
  if next(changed.stock) then event.stock = changed.stock end
  for class, pace in pairs(changed.pace) do
    event.pace = event.pace or {}
    event.pace[class] = cmsgpack.pack(pace)
    redis.call('HSET', K.pace, class, event.pace[class])
  end
  event.restaurant = changed.restaurant and pack(changed.restaurant)
  event.policy, event.menu = changed.policy, changed.menu
  for _, field in ipairs({ 'restaurant', 'policy', 'menu' }) do
    if event[field] then meta_writes[#meta_writes + 1], meta_writes[#meta_writes + 2] = field, event[field] end
  end
  -- Another process of Redis asks from where it went on.
  if meta('epoch') ~= whole(epoch) then
    meta_writes[#meta_writes + 1], meta_writes[#meta_writes + 2] = 'epoch', whole(epoch)
    if not is_compared() then redis.call('HSET', K.meta, 'bases', cmsgpack.pack(bases())) end
  end
  if changed.daily then meta_writes[#meta_writes + 1], meta_writes[#meta_writes + 2] = 'daily', whole(changed.daily) end
  write_fields(K.meta, meta_writes)
end

local rev

-- Makes all collected changes one event: written and counted here, logged and published by `conclude`.
-- `about` names what it is about: ticket, line, item, reason.
local function happened(name, about)
  event = about or {}
  event.v = VERSION
  write_changes()
  redis.call('HSET', K.src, 'last', whole(now))
  rev = redis.call('HINCRBY', K.revs, restaurant_id, '1')
  event.aggregate, event.epoch, event.rev, event.at = 'restaurant:' .. restaurant_id, epoch, rev, now
  event.name, event.by = name, { role = role, device = optional(device), account = optional(account) }
end

-- How many wait before one that waits.
local function ahead_of(ticket)
  local line = ticket.line .. '-'
  return redis.call('ZLEXCOUNT', K.order, '[' .. line, '(' .. line .. ticket.order .. '-' .. ticket.id)
end

-- The answer of a command: done, epoch, rev, at, ticket, ahead (-1: does not wait; counted unless it is known), pace of
-- its class, left (-1: not counted), dropped…
local function done(ticket, left, dropped, ahead)
  local pace = ''
  if ticket and ticket.state == 'waiting' then
    ahead = ahead or ahead_of(ticket)
    local party = ticket.adults + ticket.children
    local class = ticket.line .. (party <= 2 and 1 or party <= 4 and 2 or 3)
    pace = redis.call('HGET', K.pace, class) or ''
  end
  rev = rev or tonumber(redis.call('HGET', K.revs, restaurant_id) or 0)
  local packed = ticket and (packed_of[ticket] or cmsgpack.pack(ticket)) or ''
  return { 'done', epoch, rev, now, packed, ahead or -1, pace, left or '', unpack(dropped or {}) }
end
