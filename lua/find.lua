#!lua
-- find: the ticket of a number and its code; after five wrong codes only staff can open it.
-- KEYS: the fixed list (lib/keys)
-- ARGV: number, code
-- REPLY: done ticket | not_found not_compared
-- EVENT: none
-- COST: O(1)
--@use keys call state
local number, code = arguments()

return perform(function()
  local kept = redis.call('HGET', K.codes, number)
  if not kept and not is_compared() then return refuse('not_compared') end
  if not kept then return refuse('not_found') end
  local id, tries = string.match(kept, '^(%w+) (%d+)$')
  if tonumber(tries) >= 5 then return refuse('not_found') end
  local ticket = ticket_of(id)
  if ticket.code ~= code then
    redis.call('HSET', K.codes, number, id .. ' ' .. (tries + 1))
    return refuse('not_found')
  end
  return done(ticket)
end)
