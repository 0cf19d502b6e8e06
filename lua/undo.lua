#!lua
-- undo: the last act of staff or timer is taken back, or a guest's own cancel.
-- KEYS: the fixed list (lib/keys)
-- ARGV: ticket
-- REPLY: done ticket ahead pace | not_found place_lost wrong_state undo_expired already_waiting
-- EVENT: ticket.undone
-- COST: O(log n)
--@use keys call state order deadline ticket stock
local id = arguments()

local function in_line(state)
  return state == 'waiting' or state == 'called'
end

return perform(function()
  local ticket = ticket_of(id)
  if not ticket then return unknown_ticket() end
  local undo = ticket.undo
  if not undo or by_staff == (undo.by == 'guest') then return refuse('wrong_state') end
  if now >= ticket.undo_until then return refuse('undo_expired') end
  local was, from = undo.was, ticket.state
  if in_line(was.state) and not in_line(from) and not guards_free(ticket) then return refuse('already_waiting') end
  leave(ticket)
  for _, field in ipairs(UNDONE) do ticket[field] = was[field] end
  forget_undo(ticket)
  if was.state == 'waiting' then ticket.order = order_again(ticket) end
  retake_stock(ticket)
  enter(ticket, was.state)
  if was.state == 'no_show' then hold_while_missed(ticket) end
  if from == 'called' then forget_call(ticket) end
  happened('ticket.undone', { ticket = id, line = ticket.line })
  return done(ticket)
end)
