#!lua
-- reconcile: puts back what a Redis that came back older has lost, from the record, in batches, and ends the comparison
-- with the last of them. What was touched since Redis is this one stays as it is: somebody has seen it so, and acted.
-- Nothing is done when Redis is another process by now than the one that was compared.
-- KEYS: the fixed list (lib/keys)
-- ARGV: life_compared, restaurant, lines, tickets, keys, stock, recounted, answers, since, skip, skips, lost, covered, last
-- REPLY: done – – – tickets | stale
-- EVENT: restaurant.reconciled
-- COST: O(lines + 200 log n)
--@use keys call state order deadline ticket recorded stock
local life_compared, record, lines, tickets, keys, stock, recounted, answers, since, skip, skips, lost, covered,
  last = arguments()

-- The first life in which the restaurant may have been touched without the record.
local since_life

local function was_touched(record_here)
  return (record_here.epoch or 0) >= since_life
end

-- Whether somebody has asked with this key again: while the record did not answer, that acted again.
local function acted_again(key)
  local kept = key and key ~= '' and redis.call('HGET', K.idem, key)
  return kept and cmsgpack.unpack(kept).reply[2] >= since_life
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

-- Items whose number is taken over from the record as it is: what tickets hold of them is in it.
local is_recounted = {}

-- What the ticket holds by the record, and not by the copy that was here, is taken from what is left; and the other
-- way round. An item that is not counted is not looked at.
local function settle_stock(ticket, here)
  local short = {}
  for i, item in ipairs(ticket.items) do
    local held_here = here and here.items[i].held or 0
    local more, left = item.held - held_here, stock_left(item.item)
    if left >= 0 and more ~= 0 and not is_recounted[item.item] then
      local taken = math.min(left, more)
      change_stock(item.item, left - taken)
      if taken < more then
        item.held, item.lost = held_here + taken, item.lost + more - taken
        short[#short + 1] = item.item
      end
    end
  end
  if #short > 0 then tell(ticket, 'items_lost', { items = short }) end
end

-- What is left of an item by the record, with what has happened to it here since.
local function put_back_count(item, left)
  local here = stock_left(item)
  local before = tonumber(meta('stock:' .. item) or here)
  if left >= 0 and here >= 0 and before >= 0 then left = math.max(0, left + here - before) end
  if left ~= here then change_stock(item, left) end
end

-- Staff's changes of an item that were lost: how many units more or fewer; or, where it was counted anew or no longer,
-- what is left by the record. What staff have counted here since is what they have seen.
local function put_back_stock(item, by, left, key)
  if tonumber(meta('counted:' .. item) or 0) >= since_life then return end
  if left then return put_back_count(item, left) end
  -- Asked for again, it was done again: beside what is put back of each change, or in what is left by the record.
  if acted_again(key) then by = is_recounted[item] and -by or 0 elseif is_recounted[item] then by = 0 end
  local here = stock_left(item)
  if here >= 0 and by ~= 0 then change_stock(item, math.max(0, here + by)) end
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

-- The party has joined again with the key of this ticket, and has one place.
local function end_repeated(ticket)
  leave(ticket)
  return_stock(ticket)
  finish(ticket, 'cancelled', 'repeated')
end

-- The record follows what is left here, where it knows the ticket to hold something else.
local function say_what_is_left(ticket)
  for _, item in ipairs(ticket.items) do
    local left = stock_left(item.item)
    if left >= 0 then change_stock(item.item, left) end
  end
end

-- Whether it had to be put back. One of another day is only kept to be read.
local function put_back_ticket(packed, key)
  local ticket = cmsgpack.unpack(packed)
  local here = ticket_of(ticket.id)
  if here and redis.call('HGET', K.tickets, ticket.id) == packed then return false end
  if here and was_touched(here) then
    say_what_is_left(here)
    return false
  end
  local of_today = ticket.day == restaurant().day and not ticket.rolled
  if of_today then settle_stock(ticket, here) end
  if here then leave(here) else count_join(ticket) end
  tickets_read[ticket.id] = ticket
  if ticket.state == 'waiting' and of_today then ticket.order = order_again(ticket) end
  reinstate(ticket, tonumber(since))
  change_ticket(ticket)
  local joins = tonumber(redis.call('HGET', K.meta, 'joins') or 0)
  if joins_seen(ticket) > joins then redis.call('HSET', K.meta, 'joins', joins_seen(ticket)) end
  if of_today and in_state(ticket, 'waiting', 'called') and acted_again(key) then end_repeated(ticket) end
  return true
end

-- Numbers and places that may have been given out and recorded nowhere are passed over, unless that was done when the
-- record did not answer.
local function pass_over_lost()
  local more = {}
  for _, line in ipairs(cmsgpack.unpack(skips)) do more[line[1]] = line[2] end
  for _, line in ipairs(all_lines()) do
    if (line.numbered or 0) < since_life then
      local count = more[line.line] or tonumber(skip)
      line.last_number, line.numbered = line.last_number + count, life
      redis.call('HINCRBY', K.meta, 'joins', whole(count))
      change_line(line)
    end
  end
end

local function put_back_batch(recorded)
  -- After a day roll here, what the record says of restaurant and lines is of yesterday.
  if recorded and recorded.day == restaurant().day then
    put_back_restaurant(recorded)
    for _, line in ipairs(cmsgpack.unpack(lines)) do put_back_line(line) end
  end
  for _, item in ipairs(cmsgpack.unpack(recounted)) do is_recounted[item] = true end
  for _, change in ipairs(cmsgpack.unpack(stock)) do put_back_stock(change.item, change.by, change.left, change.key) end
  local count = 0
  local join_keys = cmsgpack.unpack(keys)
  for i, packed in ipairs(cmsgpack.unpack(tickets)) do
    if put_back_ticket(packed, join_keys[i]) then count = count + 1 end
  end
  keep_recorded(answers)
  return count
end

local function forget_bases()
  local fields = { 'bases' }
  for _, field in ipairs(redis.call('HKEYS', K.meta)) do
    if string.match(field, '^stock:') or string.match(field, '^counted:') then fields[#fields + 1] = field end
  end
  redis.call('HDEL', K.meta, unpack(fields))
end

return perform(function()
  -- Somebody else was quicker, or what was found is true of another copy.
  if is_compared() or tonumber(life_compared) ~= life then return refuse('stale') end
  since_life = bases()[1][1]
  local count = put_back_batch(cmsgpack.unpack(record))
  if last == '1' then
    if skip ~= '0' then pass_over_lost() end
    if lost == '1' then
      restaurant().rebuilt_at = now
      change_restaurant()
    end
  end
  if count > 0 or #changed.lines > 0 or changed.restaurant or next(changed.stock) then
    happened('restaurant.reconciled')
  end
  if last == '1' then
    forget_bases()
    redis.call('HSET', K.meta, 'compared', whole(life), 'covered', whole(tonumber(covered)))
  end
  return done(nil, count)
end)
