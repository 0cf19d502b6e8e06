#!lua
-- check_in: a remote guest has arrived.
-- KEYS: the fixed list (lib/keys)
-- ARGV: ticket, present
-- REPLY: done ticket ahead pace | not_found place_lost wrong_state door_code
-- EVENT: ticket.checked_in
-- COST: O(log n)
--@use keys call state order deadline ticket
local id, present = arguments()

return perform(function()
  local ticket = ticket_of(id)
  if not ticket then return unknown_ticket() end
  if not in_state(ticket, 'waiting', 'called') then return refuse('wrong_state') end
  if ticket.checked_in then return done(ticket) end
  if policy().presence ~= 'open' and present ~= '1' then return refuse('door_code') end
  if ticket.state == 'waiting' then
    leave(ticket)
    ticket.checked_in = true
    enter(ticket, 'waiting')
  else
    ticket.checked_in = true
    change_ticket(ticket)
  end
  happened('ticket.checked_in', { ticket = id, line = ticket.line })
  return done(ticket)
end)
