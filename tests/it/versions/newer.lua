-- What a newer server may have written: words and fields that this one does not know, in every record, and an event that
-- carries them. KEYS: the fixed list. ARGV: restaurant, a waiting ticket, a called one, one that ended.
local meta, tickets, events, revs, channel = KEYS[1], KEYS[2], KEYS[16], KEYS[17], KEYS[20]
local id, waiting, called, ended = unpack(ARGV)

local function change(key, field, edit)
  local record = cmsgpack.unpack(redis.call('HGET', key, field))
  edit(record)
  local packed = cmsgpack.pack(record)
  redis.call('HSET', key, field, packed)
  return packed
end

local function unknown(record)
  record.v, record.aura = 999, { color = 'teal', depth = { 1, 2, { 3 } } }
end

local restaurant = change(meta, 'restaurant', function(record)
  unknown(record)
  record.state, record.announcement = 'half_open', { text = 'hear', at = 5, texts = { ko = '들어요' } }
end)
local line = change(meta, 'line:A', function(record)
  unknown(record)
  record.state = 'by_invitation'
end)
local policy = change(meta, 'policy', function(record)
  record.new_rule, record.presence, record.grace_over = 5, 'by_bluetooth', 'call_twice'
end)
local menu = change(meta, 'menu', function(items)
  for _, item in ipairs(items) do item.names = { en = 'something' } end
end)
local list = {
  change(tickets, waiting, function(ticket)
    unknown(ticket)
    ticket.channel = 'drone'
    ticket.notices = { { id = 1, kind = 'hologram', at = 7, args = { height = { 1, 2 } }, loud = true } }
    ticket.items[1].options = { 'spicy' }
  end),
  change(tickets, called, function(ticket)
    unknown(ticket)
    ticket.state = 'parked'
  end),
  change(tickets, ended, function(ticket)
    unknown(ticket)
    ticket.ended.by, ticket.ended.mood = 'robot', 'sad'
  end),
}
local event = cmsgpack.pack({
  aggregate = 'restaurant:' .. id, epoch = tonumber(redis.call('HGET', revs, 'epoch')),
  rev = redis.call('HINCRBY', revs, id, 1), at = redis.call('TIME')[1] * 1000, name = 'ticket.parked', v = 999,
  by = { role = 'robot', arm = 'left' }, ticket = called, line = 'A', reason = 'just_so', unheard = { of = true },
  tickets = list, lines = { line }, restaurant = restaurant, policy = policy, menu = menu,
})
redis.call('XADD', events, '*', 'event', event)
redis.call('SPUBLISH', channel, event)
return 'done'
