#!lua
-- edit: staff change a party; number and place are kept. Empty arguments leave a field, `=…` sets a text, `=` clears
-- it.
-- KEYS: the fixed list (lib/keys)
-- ARGV: ticket, adults, children, line, note, name
-- REPLY: done ticket ahead pace | not_found place_lost invalid wrong_state
-- EVENT: ticket.edited
-- COST: O(log n)
--@use keys call state order deadline ticket
local id, adults, children, letter, note, name = arguments()

local function text(argument, present)
  if argument == '' then return present end
  return optional(string.sub(argument, 2))
end

return perform(function()
  local ticket = ticket_of(id)
  if not ticket then return unknown_ticket() end
  if letter ~= '' and not line_of(letter) then return invalid('line', 'not_found') end
  local new = {
    adults = tonumber(optional(adults)) or ticket.adults, children = tonumber(optional(children)) or ticket.children,
    line = optional(letter) or ticket.line, note = text(note, ticket.note), name = text(name, ticket.name),
  }
  if new.adults + new.children > 20 then return invalid('adults', 'range') end
  if not in_state(ticket, 'waiting', 'called', 'seated', 'no_show') then return refuse('wrong_state') end
  local same = true
  for _, field in ipairs({ 'adults', 'children', 'line', 'note', 'name' }) do
    same = same and ticket[field] == new[field]
  end
  if same then return done(ticket) end
  if new.line ~= ticket.line then move_call(ticket, line_of(ticket.line), line_of(new.line)) end
  local waits = ticket.state == 'waiting'
  if waits then leave(ticket) end
  ticket.adults, ticket.children, ticket.line, ticket.note, ticket.name =
    new.adults, new.children, new.line, new.note, new.name
  if waits then
    ticket.order = order_again(ticket)
    enter(ticket, 'waiting')
  end
  change_ticket(ticket)
  happened('ticket.edited', { ticket = id, line = ticket.line })
  return done(ticket)
end)
