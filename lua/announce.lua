#!lua
-- announce: what staff want everybody to read; no text takes it away.
-- KEYS: the fixed list (lib/keys)
-- ARGV: text, until_at
-- REPLY: done | invalid
-- EVENT: restaurant.changed
-- COST: O(log n)
--@use keys call state deadline
local text, until_at = arguments()

return perform(function()
  until_at = tonumber(optional(until_at))
  if until_at and until_at <= now then return invalid('until', 'past') end
  clear_deadline('announcement', '')
  restaurant().announcement = nil
  if text ~= '' then
    restaurant().announcement = { text = text, ['until'] = until_at, at = now }
    if until_at then set_deadline('announcement', '', until_at) end
  end
  change_restaurant()
  happened('restaurant.changed')
  return done()
end)
