-- order: places in a line. An order is text of digits read as a decimal fraction; `-` and `.` in members sort before
-- every digit, so that a shorter order stands before the longer ones that begin with it.
local function member_of(ticket)
  return ticket.line .. '-' .. ticket.order .. '-' .. ticket.id
end

local function order_in(member)
  return string.match(member, '^%u%-(%d+)%-')
end

local function ticket_in(member)
  return string.sub(member, -33)
end

-- The orders or tickets of a line, nearest first, from just behind `order` (nil: from the head).
local function waiting_from(line, order, count)
  local from = order and '[' .. line .. '-' .. order .. '.' or '[' .. line .. '-'
  return redis.call('ZRANGEBYLEX', K.order, from, '(' .. line .. '.', 'LIMIT', 0, count)
end

local function next_order()
  return string.format('%08d5', redis.call('HINCRBY', K.meta, 'joins', '1'))
end

-- An order strictly between two; `a` may be empty. The result never ends in 0, so there is always another one.
local function between(a, b)
  local digits, i = {}, 0
  local function digit(text) return tonumber(string.sub(text, i, i)) or 0 end
  while true do
    i = i + 1
    if i > #b then error('nothing lies between ' .. a .. ' and ' .. b) end
    local x, y = digit(a), digit(b)
    if y - x >= 2 then
      digits[i] = math.floor((x + y) / 2)
      return table.concat(digits)
    end
    digits[i] = x
    if y > x then break end
  end
  repeat
    i = i + 1
    digits[i] = digit(a)
  until digits[i] < 9
  digits[i] = math.floor((digits[i] + 10) / 2)
  return table.concat(digits)
end

-- The order `places` behind, given the places + 1 nearest members from there; nothing when nobody is there.
local function order_behind(members, places)
  if #members == 0 then return end
  if #members <= places then return next_order() end
  return between(order_in(members[places]), order_in(members[places + 1]))
end

local function order_moved_back(ticket, places)
  return order_behind(waiting_from(ticket.line, ticket.order, places + 1), places)
end

local function order_from_head(line, places)
  local members = waiting_from(line, nil, places + 1)
  if places == 0 and #members > 0 then return between('', order_in(members[1])) end
  return order_behind(members, places) or next_order()
end

-- A ticket's own order, unless another one that waits in its line has it: then just before that one. Two equal orders
-- in one line would leave no place between them.
local function order_again(ticket)
  local prefix = ticket.line .. '-' .. ticket.order
  local taken = redis.call('ZRANGEBYLEX', K.order, '[' .. prefix .. '-', '(' .. prefix .. '.', 'LIMIT', 0, 1)
  if #taken == 0 then return ticket.order end
  local before = redis.call('ZREVRANGEBYLEX', K.order, '(' .. prefix .. '-', '[' .. ticket.line .. '-', 'LIMIT', 0, 1)
  return between(before[1] and order_in(before[1]) or '', ticket.order)
end
