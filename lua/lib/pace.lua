-- pace: the gaps between seatings of a line's party-size classes (1–2, 3–4, 5 and more), for the wait estimate.
-- A gap counts only when the party that ends it waited all through it: who joined later says nothing about the line.
local function note_seating(ticket)
  local party = ticket.adults + ticket.children
  local class, smallest, largest = 1, 1, 2
  if party > 4 then class, smallest, largest = 3, 5, 20 elseif party > 2 then class, smallest, largest = 2, 3, 4 end
  local field = ticket.line .. class
  local packed = redis.call('HGET', K.pace, field)
  local pace = packed and cmsgpack.unpack(packed) or { gaps_ms = {} }
  if pace.last_at and ticket.joined_at <= pace.last_at then
    table.insert(pace.gaps_ms, 1, now - pace.last_at)
    pace.gaps_ms[21] = nil
  end
  local left = redis.call('ZLEXCOUNT', K.heads, string.format('[%s-%02d-', ticket.line, smallest),
    string.format('(%s-%02d.', ticket.line, largest))
  pace.last_at = left > 0 and now or nil
  changed.pace[field] = pace
end
