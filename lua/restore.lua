#!lua
-- restore: staff put a missed party back near the head of the line.
-- KEYS: the fixed list (lib/keys)
-- ARGV: ticket, places
-- REPLY: done ticket ahead pace | not_found place_lost invalid wrong_state already_waiting
-- EVENT: ticket.restored
-- COST: O(log n + places)
--@use keys call state order deadline ticket stock
local id, places = arguments()

return perform(function()
  local ticket = ticket_of(id)
  if not ticket then return unknown_ticket() end
  places = tonumber(places)
  if places < 0 or places > policy().delay_places_max then return invalid('places', 'range') end
  if not in_state(ticket, 'no_show') then return refuse('wrong_state') end
  if not guards_free(ticket) then return refuse('already_waiting') end
  remember(ticket)
  retake_stock(ticket)
  back_to_line(ticket, order_from_head(ticket.line, places))
  happened('ticket.restored', { ticket = id, line = ticket.line })
  return done(ticket)
end)
