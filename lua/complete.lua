#!lua
-- complete: a seated party has left.
-- KEYS: the fixed list (lib/keys)
-- ARGV: ticket
-- REPLY: done ticket | not_found place_lost already_final wrong_state
-- EVENT: ticket.completed
-- COST: O(log n)
--@use keys call state order deadline ticket
local id = arguments()

return perform(function()
  local ticket = ticket_of(id)
  if not ticket then return unknown_ticket() end
  if ticket.state == 'completed' then return refuse('already_final') end
  if not in_state(ticket, 'seated') then return refuse('wrong_state') end
  remember(ticket)
  leave(ticket)
  finish(ticket, 'completed')
  happened('ticket.completed', { ticket = id, line = ticket.line })
  return done(ticket)
end)
