-- overtake: the parties that somebody passes are counted and told why, the first 20 of them. That somebody is not
-- here is said, and counted, once in a ticket's life.
local function overtake(called, reason, here_only)
  local from, before = '[' .. called.line .. '-', '(' .. member_of(called)
  for _, member in ipairs(redis.call('ZRANGEBYLEX', K.order, from, before, 'LIMIT', 0, 20)) do
    local passed = ticket_of(ticket_in(member))
    aside[passed] = true
    local why = here_only and not passed.checked_in and 'not_here' or reason
    if why ~= 'not_here' then
      passed.overtaken = passed.overtaken + 1
      tell(passed, 'overtaken', { number = called.number, reason = why })
    elseif not passed.told_not_here then
      passed.told_not_here = true
      passed.overtaken = passed.overtaken + 1
      tell(passed, 'not_here')
    end
    if passed.overtaken >= policy().overtaken_max and not passed.told_passed_over then
      passed.told_passed_over = true
      tell(passed, 'passed_over', { overtaken = passed.overtaken })
    end
  end
end
