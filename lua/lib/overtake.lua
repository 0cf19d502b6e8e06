-- overtake: the parties that somebody passes are counted and told why, the first 20 of them.
local function overtake(called, reason, here_only)
  local from, before = '[' .. called.line .. '-', '(' .. member_of(called)
  for _, member in ipairs(redis.call('ZRANGEBYLEX', K.order, from, before, 'LIMIT', 0, 20)) do
    local passed = ticket_of(ticket_in(member))
    if here_only and not passed.checked_in then
      if not passed.told_not_here then
        passed.told_not_here = true
        passed.overtaken = passed.overtaken + 1
        tell(passed, 'not_here')
      end
    else
      passed.overtaken = passed.overtaken + 1
      tell(passed, 'overtaken', { number = called.number, reason = reason })
      if passed.overtaken == policy().overtaken_max then
        tell(passed, 'passed_over', { overtaken = passed.overtaken })
      end
    end
  end
end
