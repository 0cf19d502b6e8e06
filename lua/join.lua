#!lua
-- join: a party takes a number and the last place of a line; staff may give it another place.
-- KEYS: the fixed list (lib/keys)
-- ARGV: id, ref, code, line, adults, children, channel, present, guards, items, drop_sold_out, name, phone_last4, note, lang, eta, place
-- REPLY: done ticket ahead pace – dropped | invalid restaurant_closed paused direct line_closed party_size remote_closed door_code already_waiting daily_full line_full remote_full sold_out
-- EVENT: ticket.joined
-- COST: O(log n + place) + items
--@use keys call state menu order deadline ticket
local id, ref, code, letter, adults, children, channel, present, guards, wanted, drop_sold_out, name, phone_last4,
  note, lang, eta, place = arguments()
patience_ms = PATIENCE_MS

-- The refusal of a restaurant's or line's state, if guests may not join in it.
local function refused_by(state, closed)
  if by_staff or state == 'open' then return end
  if state == 'paused' then return refuse('paused') end
  if state == 'direct' then return refuse('direct') end
  return refuse(closed)
end

-- Looks up what is ordered: the items of the ticket, or a refusal.
local function look_up_items()
  local items = {}
  for _, want in ipairs(wanted) do
    local item, quantity = on_menu(want[1]), want[2]
    if not item then return nil, invalid('items', 'not_found') end
    items[#items + 1] =
      { item = item.id, name = item.name, price = item.price, quantity = quantity, held = 0, lost = 0 }
  end
  for _, item in ipairs(items) do
    if item.quantity > policy().per_ticket_max then return nil, invalid('items', 'per_ticket_max') end
  end
  return items
end

local function line_is_full()
  local capacity = policy().capacity
  return capacity and redis.call('ZLEXCOUNT', K.order, '[' .. letter .. '-', '(' .. letter .. '.') >= capacity
end

local function remote_is_closed()
  return not policy().remote or now < (restaurant().opened_at or 0) + policy().remote_opens_after_s * 1000
end

-- A room for everybody: no more than this share of the waiting may be elsewhere, but the first always may.
local function remote_is_full()
  local share = policy().remote_share_max
  local remote = tonumber(redis.call('HGET', K.meta, 'away') or 0)
  return share and remote > 0 and 100 * (remote + 1) > share * (redis.call('ZCARD', K.order) + 1)
end

-- Splits what is ordered into what can be had and the ids that are sold out.
local function split_sold_out(items)
  local kept, sold_out = {}, {}
  for _, item in ipairs(items) do
    local left = stock_left(item.item)
    if left >= 0 and left < item.quantity then sold_out[#sold_out + 1] = item.item else kept[#kept + 1] = item end
  end
  return kept, sold_out
end

local function take_stock(items)
  for _, item in ipairs(items) do
    local left = stock_left(item.item)
    if left >= 0 then
      item.held = item.quantity
      change_stock(item.item, left - item.quantity)
    end
  end
end

-- Keeps the most joins of a second of the day: how many numbers may have been given out that nobody remembers.
local function note_join(line)
  local second = math.floor(now / 1000)
  line.busy = line.busy_at == second and line.busy + 1 or 1
  line.busy_at, line.busiest = second, math.max(line.busiest or 0, line.busy)
  change_line(line)
end

-- Nobody can say which numbers and places were given out when the record does not answer: each line passes once over
-- as many as it was ever busy, for as long as this copy of Redis knows nothing.
local function pass_over_unknown(line)
  if is_compared() or (line.numbered or 0) >= life then return end
  local unknown_s = math.ceil((now - (redis.call('HGET', K.src, 'copy_at') or now)) / 1000)
  local unknown = math.min(math.max(100, 2 * (line.busiest or 0) * unknown_s), 10000000)
  line.last_number, line.numbered = line.last_number + unknown, life
  redis.call('HINCRBY', K.meta, 'joins', whole(unknown))
end

-- The highest rev of former lives that the server was told of.
local function rev_of_former_lives()
  local highest = 0
  for epoch_known, rev_known in string.gmatch(known, '(%d+) (%d+)') do
    if tonumber(epoch_known) < life then highest = math.max(highest, tonumber(rev_known)) end
  end
  return highest
end

-- Another server may have compared, which did not know of changes that this one was told of and that neither Redis nor
-- the record has: each line passes over them.
local function pass_over_known()
  local lost = rev_of_former_lives() - tonumber(meta('covered') or 0)
  if not meta('covered') or lost <= 0 or not is_compared() then return end
  for _, other in ipairs(all_lines()) do
    other.last_number = other.last_number + lost + 100
    change_line(other)
    redis.call('HINCRBY', K.meta, 'joins', whole(lost + 100))
  end
  redis.call('HSET', K.meta, 'covered', whole(rev_of_former_lives()))
end

-- Numbers that the server gave out itself are never given out again, though Redis and the record have lost them.
local function pass_over_given(line)
  if string.sub(numbers, 1, 10) ~= restaurant().day then return end
  local given = tonumber(string.match(numbers, ' ' .. letter .. '(%d+)') or 0)
  if given > line.last_number then
    redis.call('HINCRBY', K.meta, 'joins', whole(given - line.last_number))
    line.last_number = given
  end
end

return perform(function()
  adults, children, wanted = tonumber(adults), tonumber(children), cmsgpack.unpack(wanted)
  local party, remote = adults + children, channel == 'remote'
  local line = line_of(letter)
  if not line then return invalid('line', 'not_found') end
  local items, refusal = look_up_items()
  refusal = refusal or refused_by(restaurant().state, 'restaurant_closed') or refused_by(line.state, 'line_closed')
  if refusal then return refusal end
  if not by_staff and (party < policy().party_min or party > policy().party_max) then return refuse('party_size') end
  if remote and not by_staff and remote_is_closed() then return refuse('remote_closed') end
  if not remote and policy().presence ~= 'open' and present ~= '1' then return refuse('door_code') end
  local ticket = { id = id, guards = cmsgpack.unpack(guards) }
  if not guards_free(ticket) then return refuse('already_waiting') end
  local joined_today = tonumber(meta('daily') or 0)
  if policy().daily_max and joined_today >= policy().daily_max then return refuse('daily_full') end
  if line_is_full() then return refuse('line_full') end
  if remote and remote_is_full() then return refuse('remote_full') end
  local kept, sold_out = split_sold_out(items)
  if #sold_out > 0 and drop_sold_out ~= '1' then return refuse('sold_out', unpack(sold_out)) end

  take_stock(kept)
  place = tonumber(place)
  change_daily(joined_today + 1)
  pass_over_unknown(line)
  pass_over_known()
  pass_over_given(line)
  line.last_number, line.today = line.last_number + 1, line.today + 1
  note_join(line)
  ticket.ref, ticket.code, ticket.line = ref, code, letter
  ticket.number = string.format('%s%03d', letter, line.last_number)
  ticket.order = place and order_from_head(letter, place) or next_order()
  ticket.adults, ticket.children, ticket.channel, ticket.checked_in = adults, children, channel, not remote
  ticket.name, ticket.phone_last4 = optional(name), optional(phone_last4)
  ticket.note, ticket.lang = optional(note), optional(lang)
  ticket.calls, ticket.delays, ticket.delays_left, ticket.overtaken = 0, 0, policy().delays, 0
  ticket.joined_at = now
  ticket.eta_at_join = optional(eta) and cmsgpack.unpack(eta)
  ticket.items, ticket.notices = kept, {}
  redis.call('HSET', K.codes, ticket.number, id .. ' 0')
  ticket.day = restaurant().day
  redis.call('ZADD', K.days, whole(day_number(ticket.day)), id)
  enter(ticket, 'waiting')
  ticket.ahead_at_join = ahead_of(ticket)
  happened('ticket.joined', { ticket = id, line = letter })
  return done(ticket, nil, sold_out, ticket.ahead_at_join)
end, 'line:' .. letter, 'daily', 'covered')
