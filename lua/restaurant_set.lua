#!lua
-- restaurant_set: the restaurant opens, pauses, closes, or lets everybody come in directly.
-- KEYS: the fixed list (lib/keys)
-- ARGV: state, until_at, reason
-- REPLY: done | invalid
-- EVENT: restaurant.changed
-- COST: O(log n)
--@use keys call state deadline
local state, until_at, reason = arguments()

return perform(function()
  until_at = tonumber(optional(until_at))
  if until_at and until_at <= now then return invalid('until', 'past') end
  local record = restaurant()
  if state == 'open' and record.state ~= 'open' then record.opened_at = now end
  record.state, record['until'], record.reason = state, until_at, optional(reason)
  clear_deadline('restaurant', '')
  if until_at then set_deadline('restaurant', '', until_at) end
  change_restaurant()
  happened('restaurant.changed')
  return done()
end)
