#!lua
-- load: opens a restaurant's live state, from what PostgreSQL knows of it. The only script that creates one.
-- KEYS: the fixed list (lib/keys)
-- ARGV: restaurant, policy, lines, menu, stock
-- REPLY: done | already_loaded
-- EVENT: restaurant.loaded
-- COST: O(lines + menu)
--@use keys call state
local record, packed_policy, lines, menu, stock = arguments()

if redis.call('HEXISTS', K.meta, 'restaurant') == 1 then return refuse('already_loaded') end
look_at_source(true)
redis.call('UNLINK', K.meta, K.tickets, K.order, K.heads, K.codes, K.called, K.seated, K.missed, K.ended, K.days,
  K.stock, K.guard, K.pace, K.idem, K.idem_until)
restaurant_read = cmsgpack.unpack(record)
restaurant_read.opened_at = now
changed.restaurant, changed.policy = restaurant_read, cmsgpack.unpack(packed_policy)
redis.call('HSET', K.meta, 'menu', menu)
changed.menu = cmsgpack.unpack(menu)
for _, line in ipairs(cmsgpack.unpack(lines)) do change_line(line) end
for _, counted in ipairs(cmsgpack.unpack(stock)) do change_stock(counted[1], counted[2]) end
happened('restaurant.loaded')
return done()
