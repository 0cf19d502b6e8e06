#!lua
-- recall: a called party is called once more.
-- KEYS: the fixed list (lib/keys)
-- ARGV: ticket
-- REPLY: done ticket | not_found place_lost wrong_state no_recalls_left
-- EVENT: ticket.recalled
-- COST: O(log n)
--@use keys call state order deadline ticket
local id = arguments()

return perform(function()
  local ticket = ticket_of(id)
  if not ticket then return unknown_ticket() end
  if not in_state(ticket, 'called') then return refuse('wrong_state') end
  if ticket.calls > policy().recalls then return refuse('no_recalls_left') end
  leave(ticket)
  ticket.calls, ticket.called_at = ticket.calls + 1, now
  enter(ticket, 'called')
  note_call(ticket)
  happened('ticket.recalled', { ticket = id, line = ticket.line })
  return done(ticket)
end)
