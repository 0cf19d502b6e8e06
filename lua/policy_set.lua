#!lua
-- policy_set: the owner changed the rules; the server has checked their ranges.
-- KEYS: the fixed list (lib/keys)
-- ARGV: policy
-- REPLY: done
-- EVENT: restaurant.changed
-- COST: O(1)
--@use keys call state
local packed = arguments()

return perform(function()
  changed.policy = packed
  happened('restaurant.changed')
  return done()
end)
