#!lua
-- reconcile: puts back what a Redis that came back older has lost, from the record. What was touched since Redis is
-- this one stays as it is: somebody has seen it so, and acted.
-- KEYS: the fixed list (lib/keys)
-- ARGV: restaurant, lines, tickets, stock, answers, since
-- REPLY: done – – – tickets | stale
-- EVENT: restaurant.reconciled
-- COST: O(lines + 200 log n)
--@use keys call state order deadline ticket recorded
local record, lines, tickets, stock, answers, since = arguments()

local life = tonumber(redis.call('HGET', K.src, 'life') or 0)

local function was_touched(record_here)
  return (record_here.epoch or 0) >= life
end

local function same_announcement(a, b)
  if not a or not b then return a == b end
  return a.text == b.text and a.at == b.at and a['until'] == b['until']
end

-- State and until of restaurant or line, as they were recorded. Whether that is something else.
local function put_back_state(here, recorded, kind, subject)
  if here.state == recorded.state and here['until'] == recorded['until'] and here.reason == recorded.reason then
    return false
  end
  here.state, here['until'], here.reason = recorded.state, recorded['until'], recorded.reason
  clear_deadline(kind, subject)
  set_until(kind, subject, here)
  return true
end

local function put_back_restaurant(recorded)
  local here = restaurant()
  if was_touched(here) then return end
  if put_back_state(here, recorded, 'restaurant', '') then
    here.opened_at = recorded.opened_at
    change_restaurant()
  end
  if not same_announcement(here.announcement, recorded.announcement) then
    here.announcement = recorded.announcement
    clear_deadline('announcement', '')
    set_until('announcement', '', here.announcement)
    change_restaurant()
  end
end

-- Numbers that were given out are never given out again, whoever touched the line.
local function put_back_line(recorded)
  local here = line_of(recorded.line)
  if not here then return end
  if not was_touched(here) and put_back_state(here, recorded, 'line', here.line) then change_line(here) end
  if recorded.last_number > here.last_number then
    here.last_number = recorded.last_number
    change_line(here)
  end
  if (recorded.busiest or 0) > (here.busiest or 0) then
    here.busiest = recorded.busiest
    change_line(here)
  end
end

-- What the ticket holds by the record, and not by the copy that was here, is taken from what is left; and the other
-- way round. An item that is not counted is not looked at.
local function settle_stock(ticket, here)
  local lost = {}
  for i, item in ipairs(ticket.items) do
    local held_here = here and here.items[i].held or 0
    local more, left = item.held - held_here, stock_left(item.item)
    if left >= 0 and more ~= 0 then
      local taken = math.min(left, more)
      change_stock(item.item, left - taken)
      if taken < more then
        item.held, item.lost = held_here + taken, item.lost + more - taken
        lost[#lost + 1] = item.item
      end
    end
  end
  if #lost > 0 then tell(ticket, 'items_lost', { items = lost }) end
end

-- A join that was lost counts for the day, in the line that gave out its number.
local function count_join(ticket)
  if ticket.day ~= restaurant().day then return end
  redis.call('HINCRBY', K.meta, 'daily', 1)
  local line = line_of(string.sub(ticket.number, 1, 1))
  if line then
    line.today = line.today + 1
    change_line(line)
  end
end

-- Whether it had to be put back.
local function put_back_ticket(packed)
  local ticket = cmsgpack.unpack(packed)
  local here = ticket_of(ticket.id)
  if here and (was_touched(here) or redis.call('HGET', K.tickets, ticket.id) == packed) then return false end
  settle_stock(ticket, here)
  if here then leave(here) else count_join(ticket) end
  tickets_read[ticket.id] = ticket
  if ticket.state == 'waiting' and ticket.day == restaurant().day then ticket.order = order_again(ticket) end
  reinstate(ticket, tonumber(since))
  change_ticket(ticket)
  local joins = tonumber(redis.call('HGET', K.meta, 'joins') or 0)
  if joins_seen(ticket) > joins then redis.call('HSET', K.meta, 'joins', joins_seen(ticket)) end
  return true
end

return perform(function()
  local recorded = cmsgpack.unpack(record)
  -- Another day has to begin here first; its tickets would not be of today.
  if recorded.day ~= restaurant().day then return refuse('stale') end
  put_back_restaurant(recorded)
  for _, line in ipairs(cmsgpack.unpack(lines)) do put_back_line(line) end
  for _, change in ipairs(cmsgpack.unpack(stock)) do
    local left = stock_left(change[1])
    if left >= 0 and change[2] ~= 0 then change_stock(change[1], math.max(0, left + change[2])) end
  end
  local count = 0
  for _, packed in ipairs(cmsgpack.unpack(tickets)) do
    if put_back_ticket(packed) then count = count + 1 end
  end
  if count > 0 or #changed.lines > 0 or changed.restaurant or next(changed.stock) then
    happened('restaurant.reconciled')
  end
  keep_recorded(answers)
  return done(nil, count)
end)
