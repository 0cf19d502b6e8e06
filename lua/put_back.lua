#!lua
-- put_back: a called party goes back into the line, some places behind its own.
-- KEYS: the fixed list (lib/keys)
-- ARGV: ticket, places
-- REPLY: done ticket ahead pace | not_found place_lost invalid wrong_state
-- EVENT: ticket.put_back
-- COST: O(log n + places)
--@use keys call state order deadline ticket
local id, places = arguments()

return perform(function()
  local ticket = ticket_of(id)
  if not ticket then return unknown_ticket() end
  places = tonumber(places)
  if places < 1 or places > policy().delay_places_max then return invalid('places', 'range') end
  if not in_state(ticket, 'called') then return refuse('wrong_state') end
  remember(ticket)
  back_to_line(ticket, order_moved_back(ticket, places) or order_again(ticket))
  forget_call(ticket)
  happened('ticket.put_back', { ticket = id, line = ticket.line })
  return done(ticket)
end)
