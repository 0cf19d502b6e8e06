-- outage: when nobody looked at the deadlines, the ten newest such times. What lay in one moves on by its length.
local OUTAGE_MS, OUTAGES_MAX = 10000, 10

local function outages()
  local kept = redis.call('HGET', K.src, 'shifts')
  return kept and cmsgpack.unpack(kept) or {}
end

-- Nobody has looked from then until now. Who says so again of the same time makes it longer.
local function note_outage(from)
  if now - from <= OUTAGE_MS then return end
  local shifts = outages()
  if shifts[1] and shifts[1][1] == from then
    shifts[1][2] = now
  else
    table.insert(shifts, 1, { from, now })
    shifts[OUTAGES_MAX + 1] = nil
  end
  redis.call('HSET', K.src, 'shifts', cmsgpack.pack(shifts))
end
