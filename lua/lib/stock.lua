-- stock: what a ticket took from the stock, given back and taken again. `returned` of an item is what the last
-- return gave up; always left + held + consumed = ledger.
local function return_stock(ticket)
  for _, item in ipairs(ticket.items) do
    local held = item.held
    if held > 0 then
      local left = stock_left(item.item)
      if left >= 0 then change_stock(item.item, left + held) end
      item.held, item.returned = 0, held
      change_ticket(ticket)
    end
  end
end

-- A missed party's items are held for its time to rejoin; without one they go back.
local function hold_while_missed(ticket)
  if not ticket.rejoin_until then return_stock(ticket) end
end

-- Takes again what a return gave up, as far as it is left; the rest is lost, and told.
local function retake_stock(ticket)
  local lost = {}
  for _, item in ipairs(ticket.items) do
    local wants = item.returned or 0
    if wants > 0 then
      local left = stock_left(item.item)
      local counted = left >= 0
      local taken = counted and math.min(left, wants) or 0
      if taken > 0 then change_stock(item.item, left - taken) end
      item.held, item.returned = taken, 0
      if counted and taken < wants then
        item.lost = item.lost + wants - taken
        lost[#lost + 1] = item.item
      end
      change_ticket(ticket)
    end
  end
  if #lost > 0 then tell(ticket, 'items_lost', { items = lost }) end
end
