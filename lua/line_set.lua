#!lua
-- line_set: one line opens, pauses, closes, or lets everybody come in directly.
-- KEYS: the fixed list (lib/keys)
-- ARGV: line, state, until_at, reason
-- REPLY: done | not_found invalid
-- EVENT: line.changed
-- COST: O(log n)
--@use keys call state deadline
local letter, state, until_at, reason = arguments()

return perform(function()
  local line = line_of(letter)
  if not line then return refuse('not_found') end
  until_at = tonumber(optional(until_at))
  if until_at and until_at <= now then return invalid('until', 'past') end
  line.state, line['until'], line.reason = state, until_at, optional(reason)
  clear_deadline('line', letter)
  if until_at then set_deadline('line', letter, until_at) end
  change_line(line)
  happened('line.changed', { line = letter })
  return done()
end)
