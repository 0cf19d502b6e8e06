#!lua
-- stock_set: so many units of a menu item are left; nothing given: it is not counted any more.
-- KEYS: the fixed list (lib/keys)
-- ARGV: item, left
-- REPLY: done – – – left | not_found
-- EVENT: stock.changed
-- COST: O(menu)
--@use keys call state menu
local item, left = arguments()

return perform(function()
  if not on_menu(item) then return refuse('not_found') end
  left = tonumber(optional(left)) or -1
  change_stock(item, left)
  -- What was lost before says nothing about what staff count now.
  if not is_compared() then redis.call('HSET', K.meta, 'counted:' .. item, whole(life)) end
  happened('stock.changed', { item = item })
  return done(nil, left)
end)
