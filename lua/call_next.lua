#!lua
-- call_next: the first of a line who fits is called.
-- KEYS: the fixed list (lib/keys)
-- ARGV: line, party_min, party_max, to
-- REPLY: done ticket | not_found line_empty
-- EVENT: ticket.called
-- COST: O(log n): at most 40 heads are compared, at most 20 passed tickets are told
--@use keys call state order deadline ticket overtake
local letter, party_min, party_max, to = arguments()

-- No party is larger, whatever is asked.
local PARTY_MAX = 20

-- The first by order among the parties of these sizes; `here_only`: of those that are there. Orders are compared as
-- digits alone: Lua compares text by Redis's locale, which may pass over the hyphens of a member.
local function first_of(smallest, largest, here_only)
  local first, first_order
  for party = math.max(smallest, 1), math.min(largest, PARTY_MAX) do
    for _, presence in ipairs(here_only and { 'h' } or { 'h', 'a' }) do
      local prefix = string.format('%s-%02d-%s', letter, party, presence)
      local head = redis.call('ZRANGEBYLEX', K.heads, '[' .. prefix .. '-', '(' .. prefix .. '.', 'LIMIT', 0, 1)[1]
      local order = head and string.match(head, '%-(%d+)%-%w+$')
      if order and (not first or order < first_order) then first, first_order = head, order end
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
