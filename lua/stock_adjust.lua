#!lua
-- stock_adjust: some units more or fewer of a counted menu item.
-- KEYS: the fixed list (lib/keys)
-- ARGV: item, by
-- REPLY: done – – – left | not_found invalid stock_negative
-- EVENT: stock.changed
-- COST: O(menu)
--@use keys call state menu
local item, by = arguments()

return perform(function()
  if not on_menu(item) then return refuse('not_found') end
  local left = stock_left(item)
  if left < 0 then return invalid('item', 'not_counted') end
  left = left + tonumber(by)
  if left < 0 then return refuse('stock_negative') end
  change_stock(item, left)
  happened('stock.changed', { item = item, adjusted = tonumber(by) })
  return done(nil, left)
end)
