#!lua
-- roll_day: ends the business day in steps, and begins the next one with the last of them.
-- KEYS: the fixed list (lib/keys)
-- ARGV: day, ends_at
-- REPLY: done – – – more | stale day_busy
-- EVENT: restaurant.day_rolled
-- COST: O(200 log n) a step
--@use keys call state order deadline ticket stock
local day, ends_at = arguments()
patience_ms = PATIENCE_MS

local STEP = 200

local function end_ticket(ticket)
  local state = ticket.state
  leave(ticket)
  forget_undo(ticket)
  if state == 'seated' then
    finish(ticket, 'completed')
  elseif state == 'waiting' then
    return_stock(ticket)
    finish(ticket, 'cancelled', 'day_end')
  elseif state == 'no_show' then
    return_stock(ticket)
    ticket.rolled, ticket.ended = true, { by = role, reason = 'day_end' }
  end
  change_ticket(ticket)
end

-- Some tickets that are still in a list of the old day.
local function some_live()
  local ids = {}
  for _, member in ipairs(redis.call('ZRANGE', K.order, 0, STEP - 1)) do ids[#ids + 1] = ticket_in(member) end
  for _, key in ipairs({ K.seated, K.missed }) do
    -- With no room left the range would end at -1, which is the last of all.
    local room = STEP - #ids
    local found = room > 0 and redis.call('ZRANGE', key, 0, room - 1) or {}
    for _, id in ipairs(found) do ids[#ids + 1] = id end
  end
  local undoable = redis.call('ZRANGEBYSCORE', K.ended, '(0', '+inf', 'LIMIT', 0, STEP - #ids)
  for _, id in ipairs(undoable) do ids[#ids + 1] = id end
  return ids
end

local function begin_day()
  for _, line in ipairs(all_lines()) do
    line.last_number, line.today, line.recent, line.busiest = 0, 0, {}, 0
    change_line(line)
  end
  redis.call('HDEL', K.meta, 'daily')
  redis.call('UNLINK', K.codes, K.ended)
  restaurant().day, restaurant().day_ends_at, restaurant().rebuilt_at = day, tonumber(ends_at), nil
  change_restaurant()
end

-- Forgets so many tickets of days before the one that ends; true when there may be more of them.
local function forget_old(before, count)
  local old = redis.call('ZRANGEBYSCORE', K.days, '-inf', '(' .. before, 'LIMIT', 0, count)
  if #old > 0 then
    redis.call('HDEL', K.tickets, unpack(old))
    redis.call('ZREM', K.days, unpack(old))
  end
  return #old == count
end

return perform(function()
  local old_day = restaurant().day
  if day <= old_day then return refuse('stale') end
  local waits = redis.call('EXISTS', K.order) == 1 and restaurant().state ~= 'closed'
  if waits or redis.call('EXISTS', K.called) == 1 then return refuse('day_busy') end
  local live = some_live()
  for _, id in ipairs(live) do end_ticket(ticket_of(id)) end
  local more = #live == STEP or forget_old(day_number(old_day), STEP - #live)
  if not more then begin_day() end
  happened('restaurant.day_rolled')
  return done(nil, more and 1 or 0)
end)
