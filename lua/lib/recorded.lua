-- recorded: tickets as the record knows them, back in their lists and with their deadlines. A rejoin time
-- that was over by `since` has acted, unless something is held still: the record would say so.
local function holds_stock(ticket)
  for _, item in ipairs(ticket.items) do
    if item.held > 0 then return true end
  end
  return false
end

local function set_recorded_deadlines(ticket, since)
  if ticket.state == 'called' then
    set_deadline('grace', ticket.id, ticket.grace_until)
    if ticket.last_call_at then set_deadline('last_call', ticket.id, ticket.last_call_at) end
  elseif ticket.state == 'seated' then
    set_deadline('stay', ticket.id, ticket.stay_until)
  elseif ticket.state == 'no_show' and ticket.rejoin_until then
    if ticket.rejoin_until > since or holds_stock(ticket) then
      set_deadline('rejoin', ticket.id, ticket.rejoin_until)
    end
  end
end

-- One whose day has rolled is only kept to be read.
local function reinstate(ticket, since)
  redis.call('ZADD', K.days, day_number(ticket.day), ticket.id)
  if ticket.rolled or ticket.day ~= restaurant().day then return end
  redis.call('HSETNX', K.codes, ticket.number, ticket.id .. ' 0')
  list(ticket)
  set_recorded_deadlines(ticket, since)
end

-- The joins that an order shows there have been: orders are decimal fractions, and no later one may lie before it.
local function joins_of(order)
  return tonumber(string.sub(order .. '00000000', 1, 8))
end

-- The most joins that any of a ticket's places shows.
local function joins_seen(ticket)
  local was = ticket.undo and ticket.undo.was.order
  return math.max(joins_of(ticket.order), was and joins_of(was) or 0)
end

-- The deadlines of restaurant and lines, as their records say.
local function set_until(kind, subject, record)
  if record and record['until'] then set_deadline(kind, subject, record['until']) end
end

-- Answers that may be asked for again, with the ticket as it is now; what its wait was estimated from is gone.
local function keep_recorded(answers)
  for _, answer in ipairs(cmsgpack.unpack(answers)) do
    local ticket = answer.ticket and redis.call('HGET', K.tickets, answer.ticket) or ''
    local reply = { 'done', answer.epoch, answer.rev, answer.at, ticket, answer.ahead, '', answer.left or '' }
    for _, item in ipairs(answer.dropped) do reply[#reply + 1] = item end
    local is_new = redis.call('HEXISTS', K.idem, answer.key) == 0
    if is_new and answer.until_at > now then keep(answer.key, answer.body, answer.until_at, reply) end
  end
end
