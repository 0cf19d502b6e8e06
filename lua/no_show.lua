#!lua
-- no_show: a called party did not come.
-- KEYS: the fixed list (lib/keys)
-- ARGV: ticket
-- REPLY: done ticket | not_found place_lost wrong_state
-- EVENT: ticket.no_show
-- COST: O(log n)
--@use keys call state order deadline ticket stock
local id = arguments()

return perform(function()
  local ticket = ticket_of(id)
  if not ticket then return unknown_ticket() end
  if not in_state(ticket, 'called') then return refuse('wrong_state') end
  miss(ticket)
  hold_while_missed(ticket)
  happened('ticket.no_show', { ticket = id, line = ticket.line })
  return done(ticket)
end)
