#!lua
-- compare: where a restaurant stands, and where it stood each time that Redis became another process since it was
-- compared with the record; nowhere, when it was compared since.
-- KEYS: the fixed list (lib/keys)
-- ARGV: epoch_recorded
-- REPLY: standing epoch rev day confirmed covered #lines (line last_number)… (life epoch rev)… | not_loaded
-- EVENT: none
-- COST: O(lines)
--@use keys call state
local epoch_recorded = arguments()

look_at_source()
if redis.call('HEXISTS', K.meta, 'restaurant') == 0 then return refuse('not_loaded', life) end
local rev_here = tonumber(redis.call('HGET', K.revs, restaurant_id) or 0)
local confirmed = tonumber(redis.call('HGET', K.src, 'confirmed') or 0)
local reply = { 'standing', epoch, rev_here, restaurant().day, confirmed, tonumber(meta('covered') or 0) }
if is_compared() then
  reply[#reply + 1] = 0
  return reply
end
-- The record knows this epoch from a former life: two began within one second, and nobody remembered.
if tonumber(epoch_recorded) >= life and epoch_recorded ~= '0' then
  epoch = math.max(epoch, tonumber(epoch_recorded)) + 1
  life, reply[2] = epoch, epoch
  redis.call('HSET', K.revs, 'epoch', epoch)
  redis.call('HSET', K.src, 'life', life)
end
local lines = all_lines()
reply[#reply + 1] = #lines
for _, line in ipairs(lines) do
  reply[#reply + 1] = line.line
  reply[#reply + 1] = line.last_number
end
for _, base in ipairs(bases()) do
  for _, value in ipairs(base) do reply[#reply + 1] = value end
end
return reply
