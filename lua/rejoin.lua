#!lua
-- rejoin: a missed guest comes back into the line, once and in time.
-- KEYS: the fixed list (lib/keys)
-- ARGV: ticket
-- REPLY: done ticket ahead pace | not_found place_lost wrong_state rejoin_expired already_waiting
-- EVENT: ticket.restored
-- COST: O(log n)
--@use keys call state order deadline ticket stock
local id = arguments()

return perform(function()
  local ticket = ticket_of(id)
  if not ticket then return unknown_ticket() end
  if not in_state(ticket, 'no_show') then return refuse('wrong_state') end
  if ticket.rejoined or now >= ticket.rejoin_until then return refuse('rejoin_expired') end
  if not guards_free(ticket) then return refuse('already_waiting') end
  forget_undo(ticket)
  ticket.rejoined = true
  retake_stock(ticket)
  back_to_line(ticket, order_from_head(ticket.line, 3))
  happened('ticket.restored', { ticket = id, line = ticket.line })
  return done(ticket)
end)
