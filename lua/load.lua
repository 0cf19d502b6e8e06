#!lua
-- load: opens a restaurant's live state, from what PostgreSQL knows of it. The only script that creates one.
-- KEYS: the fixed list (lib/keys)
-- ARGV: restaurant, policy, lines, menu, stock
-- REPLY: done | already_loaded
-- EVENT: restaurant.loaded
-- COST: O(lines + menu), and once through the partition's deadlines
--@use keys call state
local record, packed_policy, lines, menu, stock = arguments()

-- Deadlines of a former life would name tickets that are gone: never to be expired, and always in the way of others.
local function forget_deadlines()
  local prefix = restaurant_id .. '|'
  for _, member in ipairs(redis.call('ZRANGE', K.deadlines, 0, -1)) do
    if string.sub(member, 1, #prefix) == prefix then redis.call('ZREM', K.deadlines, member) end
  end
end

if redis.call('HEXISTS', K.meta, 'restaurant') == 1 then return refuse('already_loaded') end
look_at_source(true)
redis.call('UNLINK', K.meta, K.tickets, K.order, K.heads, K.codes, K.called, K.seated, K.missed, K.ended, K.days,
  K.stock, K.guard, K.pace, K.idem, K.idem_until)
forget_deadlines()
restaurant_read = cmsgpack.unpack(record)
changed.restaurant, changed.policy, changed.menu = restaurant_read, packed_policy, menu
for _, line in ipairs(cmsgpack.unpack(lines)) do change_line(line) end
for _, counted in ipairs(cmsgpack.unpack(stock)) do change_stock(counted[1], counted[2]) end
happened('restaurant.loaded')
return conclude(done())
