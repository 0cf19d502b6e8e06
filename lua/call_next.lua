#!lua
-- call_next: the first of a line who fits is called.
-- KEYS: the fixed list (lib/keys)
-- ARGV: line, party_min, party_max, to
-- REPLY: done ticket | not_found line_empty
-- EVENT: ticket.called
-- COST: O(log n): at most 40 heads are compared, at most 20 passed tickets are told
--@use keys call state order deadline ticket overtake
local letter, party_min, party_max, to = arguments()

-- The first by order among the parties of these sizes; `here_only`: of those that are there.
local function first_of(smallest, largest, here_only)
  local first
  for party = smallest, largest do
    for _, presence in ipairs(here_only and { 'h' } or { 'h', 'a' }) do
      local prefix = string.format('%s-%02d-%s', letter, party, presence)
      local head = redis.call('ZRANGEBYLEX', K.heads, '[' .. prefix .. '-', '(' .. prefix .. '.', 'LIMIT', 0, 1)[1]
      local place = head and string.sub(head, 8)
      if place and (not first or place < first) then first = place end
    end
  end
  return first and ticket_in(first)
end

return perform(function()
  if not line_of(letter) then return refuse('not_found') end
  local here_only, ranged = policy().check_in_before_call, party_min ~= '' or party_max ~= ''
  local id
  if ranged or here_only then
    id = first_of(tonumber(optional(party_min) or 1), tonumber(optional(party_max) or 20), here_only)
  else
    local member = waiting_from(letter, nil, 1)[1]
    id = member and ticket_in(member)
  end
  if not id then return refuse('line_empty') end
  local ticket = ticket_of(id)
  overtake(ticket, 'table_fit', here_only)
  call_in(ticket, optional(to))
  happened('ticket.called', { ticket = id, line = letter })
  return done(ticket)
end)
