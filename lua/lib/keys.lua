-- keys: every key a script of a restaurant may touch, by its name. The one place that spells KEYS.
local K = {
  meta = KEYS[1], tickets = KEYS[2], order = KEYS[3], heads = KEYS[4], codes = KEYS[5],
  called = KEYS[6], seated = KEYS[7], missed = KEYS[8], ended = KEYS[9], days = KEYS[10],
  stock = KEYS[11], guard = KEYS[12], pace = KEYS[13], idem = KEYS[14], idem_until = KEYS[15],
  events = KEYS[16], revs = KEYS[17], deadlines = KEYS[18], src = KEYS[19], channel = KEYS[20],
}
