-- ticket: a ticket's places in the lists of its state, its guards, its notices and its undo record.
local function head_of(ticket)
  return string.format('%s-%02d-%s-%s-%s', ticket.line, ticket.adults + ticket.children,
    ticket.checked_in and 'h' or 'a', ticket.order, ticket.id)
end

local function away(ticket)
  return ticket.channel == 'remote' and not ticket.checked_in
end

local function guards_free(ticket)
  for _, guard in ipairs(ticket.guards or {}) do
    local holder = redis.call('HGET', K.guard, guard)
    if holder and holder ~= ticket.id then return false end
  end
  return true
end

-- One that somebody else holds stays theirs.
local function hold_guards(ticket)
  for _, guard in ipairs(ticket.guards or {}) do redis.call('HSETNX', K.guard, guard, ticket.id) end
end

local function give_up_guards(ticket)
  for _, guard in ipairs(ticket.guards or {}) do
    if redis.call('HGET', K.guard, guard) == ticket.id then redis.call('HDEL', K.guard, guard) end
  end
end

-- The refusal of a ticket that is not there. The record may have it; since a rebuild of this business day it may be one
-- that was lost with it.
local function unknown_ticket()
  if not is_compared() then return refuse('not_compared') end
  if restaurant().rebuilt_at then return refuse('place_lost') end
  return refuse('not_found')
end

-- Takes a ticket out of the lists of its present state. Change its fields only after this.
local function leave(ticket)
  if ticket.state == 'waiting' then
    redis.call('ZREM', K.order, member_of(ticket))
    redis.call('ZREM', K.heads, head_of(ticket))
    if away(ticket) then redis.call('HINCRBY', K.meta, 'away', '-1') end
    give_up_guards(ticket)
  elseif ticket.state == 'called' then
    redis.call('ZREM', K.called, ticket.id)
    clear_deadline('grace', ticket.id)
    clear_deadline('last_call', ticket.id)
    give_up_guards(ticket)
    ticket.grace_until, ticket.last_call_at = nil, nil
  elseif ticket.state == 'seated' then
    redis.call('ZREM', K.seated, ticket.id)
    clear_deadline('stay', ticket.id)
    ticket.stay_until = nil
  elseif ticket.state == 'no_show' then
    redis.call('ZREM', K.missed, ticket.id)
    clear_deadline('rejoin', ticket.id)
    ticket.rejoin_until = nil
  else
    redis.call('ZREM', K.ended, ticket.id)
  end
end

-- A grace ends then; the last call is before it, unless that is past. Whether it is still to come.
local function set_grace(ticket, until_at)
  ticket.grace_until = until_at
  set_deadline('grace', ticket.id, until_at)
  local last_call_at = until_at - policy().last_call_s * 1000
  local to_come = last_call_at > now
  ticket.last_call_at = to_come and last_call_at or nil
  if to_come then set_deadline('last_call', ticket.id, last_call_at) end
  return to_come
end

-- Puts a ticket into the lists of its state.
local function list(ticket)
  local state = ticket.state
  if state == 'waiting' then
    redis.call('ZADD', K.order, '0', member_of(ticket))
    redis.call('ZADD', K.heads, '0', head_of(ticket))
    if away(ticket) then redis.call('HINCRBY', K.meta, 'away', '1') end
    hold_guards(ticket)
  elseif state == 'called' then
    redis.call('ZADD', K.called, whole(ticket.called_at), ticket.id)
    hold_guards(ticket)
  elseif state == 'seated' then
    redis.call('ZADD', K.seated, whole(ticket.seated_at), ticket.id)
  elseif state == 'no_show' then
    redis.call('ZADD', K.missed, whole(ticket.missed_at), ticket.id)
  else
    redis.call('ZADD', K.ended, whole(ticket.undo_until or 0), ticket.id)
  end
end

-- Puts a ticket into a new state, its lists, and the deadlines that belong to it.
local function enter(ticket, state)
  ticket.state = state
  if state == 'called' then
    set_grace(ticket, now + policy().grace_s * 1000)
  elseif state == 'seated' then
    ticket.stay_until = now + policy().stay_s * 1000
    set_deadline('stay', ticket.id, ticket.stay_until)
  elseif state == 'no_show' and ticket.rejoin_until then
    set_deadline('rejoin', ticket.id, ticket.rejoin_until)
  end
  list(ticket)
  change_ticket(ticket)
end

-- Whether it is in one of these states, on the day it was given out.
local function in_state(ticket, ...)
  if ticket.rolled then return false end
  for _, state in ipairs({ ... }) do
    if ticket.state == state then return true end
  end
  return false
end

local function tell(ticket, kind, args)
  ticket.notice_id = (ticket.notice_id or 0) + 1
  local notices = ticket.notices
  notices[#notices + 1] = { id = ticket.notice_id, kind = kind, at = now, args = args }
  if #notices > 5 then table.remove(notices, 1) end
  change_ticket(ticket)
end

local UNDONE = {
  'state', 'order', 'calls', 'to', 'called_at', 'seated_at', 'missed_at', 'rejoin_until', 'ended', 'grace_used',
}

-- Remembers how it was, before an act that can be taken back.
local function remember(ticket, whole_day)
  local until_at = now + policy().undo_s * 1000
  if whole_day then until_at = math.max(until_at, restaurant().day_ends_at) end
  local by = by_timer and 'timer' or 'staff'
  if not by_timer and not by_staff then
    by, until_at = 'guest', now + 60000
  end
  local was = {}
  for _, field in ipairs(UNDONE) do was[field] = ticket[field] end
  ticket.undo = { by = by, was = was }
  ticket.undo_until = until_at
end

local function forget_undo(ticket)
  ticket.undo, ticket.undo_until = nil, nil
end

-- The line's newest calls, which boards show.
local function forget_call(ticket)
  local line = line_of(ticket.line)
  for i, call in ipairs(line.recent) do
    if call.number == ticket.number then
      table.remove(line.recent, i)
      change_line(line)
      return
    end
  end
end

local function note_call(ticket)
  forget_call(ticket)
  local line = line_of(ticket.line)
  table.insert(line.recent, 1, { number = ticket.number, at = now })
  line.recent[11] = nil
  change_line(line)
end

-- The newest call goes along when a ticket changes its line.
local function move_call(ticket, from, to)
  for i, call in ipairs(from.recent) do
    if call.number == ticket.number then
      table.remove(from.recent, i)
      local place = 1
      while to.recent[place] and to.recent[place].at > call.at do place = place + 1 end
      table.insert(to.recent, place, call)
      to.recent[11] = nil
      change_line(from)
      change_line(to)
      return
    end
  end
end

-- waiting → called.
local function call_in(ticket, to)
  remember(ticket)
  leave(ticket)
  ticket.calls, ticket.called_at, ticket.to = 1, now, to
  enter(ticket, 'called')
  note_call(ticket)
end

-- Back into the line, at the order it is given.
local function back_to_line(ticket, order)
  leave(ticket)
  ticket.order, ticket.calls, ticket.to, ticket.called_at = order, 0, nil, nil
  enter(ticket, 'waiting')
end

-- called → no_show. There is a time to rejoin, unless that was done before.
local function miss(ticket)
  remember(ticket, true)
  leave(ticket)
  ticket.missed_at = now
  if not ticket.rejoined then ticket.rejoin_until = now + policy().rejoin_s * 1000 end
  enter(ticket, 'no_show')
end

-- To a final state.
local function finish(ticket, state, reason)
  ticket.ended = { by = role, reason = reason }
  enter(ticket, state)
end

-- `2026-11-22` as a number that sorts.
local function day_number(day)
  local digits = string.gsub(day, '-', '')
  return tonumber(digits)
end
