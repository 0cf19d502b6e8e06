#!lua
-- delay: a guest lets others go first.
-- KEYS: the fixed list (lib/keys)
-- ARGV: ticket, places
-- REPLY: done ticket ahead pace | not_found place_lost invalid wrong_state no_delays_left nobody_behind
-- EVENT: ticket.put_back
-- COST: O(log n + places)
--@use keys call state order deadline ticket
local id, places = arguments()

return perform(function()
  local ticket = ticket_of(id)
  if not ticket then return unknown_ticket() end
  places = tonumber(places)
  if places < 1 or places > policy().delay_places_max then return invalid('places', 'range') end
  if not in_state(ticket, 'waiting', 'called') then return refuse('wrong_state') end
  if ticket.delays_left < 1 then return refuse('no_delays_left') end
  local order = order_moved_back(ticket, places)
  if not order then return refuse('nobody_behind') end
  forget_undo(ticket)
  ticket.delays_left, ticket.delays = ticket.delays_left - 1, ticket.delays + 1
  back_to_line(ticket, order)
  forget_call(ticket)
  happened('ticket.put_back', { ticket = id, line = ticket.line })
  return done(ticket)
end)
