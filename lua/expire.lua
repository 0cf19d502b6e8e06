#!lua
-- expire: a deadline acts, if it still is what was seen. One inside an outage moves on by the outage's length instead;
-- a last call only with its grace.
-- KEYS: the fixed list (lib/keys)
-- ARGV: kind, subject, at
-- REPLY: done ticket | stale
-- EVENT: ticket.deadline_moved ticket.last_call ticket.put_back ticket.no_show ticket.stock_returned ticket.completed restaurant.changed line.changed
-- COST: O(log n)
--@use keys call outage state order deadline ticket stock
local kind, subject, at = arguments()
patience_ms = PATIENCE_MS

-- How long the outage was that this time lies in, or nothing.
local function outage_around(time)
  for _, shift in ipairs(outages()) do
    if shift[1] < time and time <= shift[2] then return shift[2] - shift[1] end
  end
end

-- The record of restaurant or line that a paused-until or announcement belongs to.
local function owner()
  if kind == 'line' then
    change_line(line_of(subject))
    return line_of(subject)
  end
  change_restaurant()
  return kind == 'announcement' and restaurant().announcement or restaurant()
end

local function tell_last_call(ticket)
  tell(ticket, 'last_call', { ['until'] = ticket.grace_until })
end

-- A last call that was not told before is told in any case, if need be late.
local function move_grace(ticket, new_at)
  aside[ticket] = true
  local untold = clear_deadline('last_call', subject)
  local to_come = set_grace(ticket, new_at)
  tell(ticket, 'deadline_moved', { ['until'] = new_at })
  if untold and not to_come then tell_last_call(ticket) end
end

local function move(ticket, new_at)
  set_deadline(kind, subject, new_at)
  if not ticket then
    owner()['until'] = new_at
  elseif kind == 'grace' then
    move_grace(ticket, new_at)
  elseif kind == 'rejoin' then
    ticket.rejoin_until = new_at
  elseif kind == 'stay' then
    ticket.stay_until = new_at
  end
  return 'ticket.deadline_moved'
end

local acts = {}

function acts.last_call(ticket)
  clear_deadline(kind, subject)
  ticket.last_call_at = nil
  tell_last_call(ticket)
  return 'ticket.last_call'
end

function acts.grace(ticket)
  if policy().grace_over == 'put_back_once' and not ticket.grace_used then
    remember(ticket)
    ticket.grace_used = true
    back_to_line(ticket, order_moved_back(ticket, 3) or order_again(ticket))
    forget_call(ticket)
    return 'ticket.put_back'
  end
  miss(ticket)
  hold_while_missed(ticket)
  return 'ticket.no_show'
end

function acts.rejoin(ticket)
  clear_deadline(kind, subject)
  return_stock(ticket)
  return 'ticket.stock_returned'
end

function acts.stay(ticket)
  remember(ticket)
  leave(ticket)
  finish(ticket, 'completed')
  return 'ticket.completed'
end

-- A paused restaurant or line opens again; an announcement disappears.
local function reopen()
  clear_deadline(kind, subject)
  if kind == 'announcement' then
    restaurant().announcement = nil
    change_restaurant()
    return
  end
  local record = owner()
  if kind == 'restaurant' and record.state ~= 'open' then record.opened_at = now end
  record.state, record['until'], record.reason = 'open', nil, nil
end

return perform(function()
  at = tonumber(at)
  if tonumber(redis.call('ZSCORE', K.deadlines, deadline_of(kind, subject)) or -1) ~= at or at > now then
    return refuse('stale')
  end
  local act, moved, name = acts[kind], outage_around(at), nil
  local ticket = act and ticket_of(subject)
  if kind == 'last_call' then
    moved = outage_around(ticket.grace_until)
    if moved then kind, at = 'grace', ticket.grace_until end
  end
  if ticket then change_ticket(ticket) end
  if moved then name = move(ticket, at + moved) elseif act then name = act(ticket) else reopen() end
  if not act then name = kind == 'line' and 'line.changed' or 'restaurant.changed' end
  happened(name, { ticket = ticket and ticket.id, line = ticket and ticket.line or kind == 'line' and subject or nil })
  return done(ticket)
end)
