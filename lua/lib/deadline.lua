-- deadline: what happens by itself when time has come. A member is `<restaurant>|<kind>|<subject>`.
local function deadline_of(kind, subject)
  return restaurant_id .. '|' .. kind .. '|' .. subject
end

-- The heartbeat of `due` tells an outage from a quiet time, so it has to run from the first deadline on.
local function set_deadline(kind, subject, at)
  redis.call('ZADD', K.deadlines, whole(at), deadline_of(kind, subject))
  redis.call('HSETNX', K.src, 'heartbeat', whole(now))
end

-- Whether there was one.
local function clear_deadline(kind, subject)
  return redis.call('ZREM', K.deadlines, deadline_of(kind, subject)) == 1
end
