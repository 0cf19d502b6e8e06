#!lua
-- cancel: a guest gives up, or staff take the party out of the line.
-- KEYS: the fixed list (lib/keys)
-- ARGV: ticket, reason
-- REPLY: done ticket | not_found place_lost already_final wrong_state
-- EVENT: ticket.cancelled
-- COST: O(log n)
--@use keys call state order deadline ticket stock
local id, reason = arguments()

return perform(function()
  local ticket = ticket_of(id)
  if not ticket then return unknown_ticket() end
  if ticket.state == 'cancelled' then return refuse('already_final') end
  if not in_state(ticket, 'waiting', 'called') then return refuse('wrong_state') end
  remember(ticket, true)
  leave(ticket)
  return_stock(ticket)
  finish(ticket, 'cancelled', optional(reason))
  happened('ticket.cancelled', { ticket = id, line = ticket.line, reason = optional(reason) })
  return done(ticket)
end)
