-- menu: what can be ordered, by id.
local function on_menu(id)
  for _, item in ipairs(cmsgpack.unpack(redis.call('HGET', K.meta, 'menu'))) do
    if item.id == id then return item end
  end
end
