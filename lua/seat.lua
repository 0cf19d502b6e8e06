#!lua
-- seat: a party sits down, from any row of the console.
-- KEYS: the fixed list (lib/keys)
-- ARGV: ticket
-- REPLY: done ticket | not_found place_lost wrong_state
-- EVENT: ticket.seated
-- COST: O(log n)
--@use keys call state order deadline ticket stock pace
local id = arguments()

return perform(function()
  local ticket = ticket_of(id)
  if not ticket then return unknown_ticket() end
  if not in_state(ticket, 'waiting', 'called', 'no_show') then return refuse('wrong_state') end
  remember(ticket)
  leave(ticket)
  retake_stock(ticket)
  ticket.seated_at = now
  enter(ticket, 'seated')
  note_seating(ticket)
  happened('ticket.seated', { ticket = id, line = ticket.line })
  return done(ticket)
end)
