#!lua
-- call: a chosen ticket is called; the reason says why, if it is not the first of its line.
-- KEYS: the fixed list (lib/keys)
-- ARGV: ticket, reason, to
-- REPLY: done ticket | not_found place_lost wrong_state invalid
-- EVENT: ticket.called
-- COST: O(log n): at most 20 passed tickets are told
--@use keys call state order deadline ticket overtake
local id, reason, to = arguments()

return perform(function()
  local ticket = ticket_of(id)
  if not ticket then return unknown_ticket() end
  if not in_state(ticket, 'waiting') then return refuse('wrong_state') end
  local first = waiting_from(ticket.line, nil, 1)[1] == member_of(ticket)
  if not first and reason == '' then return invalid('reason', 'required') end
  if not first then overtake(ticket, reason) end
  call_in(ticket, optional(to))
  happened('ticket.called', { ticket = id, line = ticket.line, reason = not first and reason or nil })
  return done(ticket)
end)
