-- Keys: two for each charge, what is counted and what is held.
-- Arguments: the time or nothing, the lease, for how long it holds, then for each charge its kind, amount, limit or nothing,
-- span, and when the key may be forgotten or nothing.
local lease, ttl = ARGV[2], tonumber(ARGV[3])
local charges, unset = {}, {}
for i = 1, #KEYS / 2 do
  local at = 3 + (i - 1) * 5
  local charge = {key = KEYS[2 * i - 1], holds = KEYS[2 * i], kind = ARGV[at + 1], amount = ARGV[at + 2],
    limit = ARGV[at + 3], span = ARGV[at + 4], expires = ARGV[at + 5]}
  charges[i] = charge
  if charge.kind == 'b' and redis.call('HEXISTS', charge.key, 'spent') == 0 then unset[#unset + 1] = i - 1 end
end
if #unset > 0 then return {2, unset} end

local NEVER, SETTLED = 1e18, -1
-- Nothing if there is room; else for how long there is none.
local function wait(charge)
  if charge.limit == '' or charge.amount == '0' then return nil end
  if not at_most(charge.amount, charge.limit) then return NEVER end
  if charge.kind == 's' then
    local slots, sum = slots_of(charge.key, tonumber(charge.span))
    local over = sum + tonumber(charge.amount) - tonumber(charge.limit)
    if over <= 0 then return nil end
    for _, slot in ipairs(slots) do
      over = over - slot[2]
      if over <= 0 then return gone_after(slot[1], tonumber(charge.span)) end
    end
    return NEVER
  end
  lapse(charge.key, charge.holds)
  local known = redis.call('HMGET', charge.key, 'spent', 'held')
  local used = add(known[1] or '0', charge.amount)
  if at_most(add(used, known[2] or '0'), charge.limit) then return nil end
  if charge.kind == 'c' or at_most(used, charge.limit) then return SETTLED end
  if charge.span == '' then return NEVER end
  return math.max(tonumber(charge.span) - now, 0)
end

local worst, worst_wait
for i, charge in ipairs(charges) do
  local time = wait(charge)
  if time and (not worst or time > worst_wait) then worst, worst_wait = i, time end
end
if worst then
  local charge = charges[worst]
  local used, held, reset = level(charge.kind, charge.key, charge.holds, charge.span)
  local room = worst_wait == NEVER and 'never' or worst_wait == SETTLED and 'settled' or string.format('%.0f', worst_wait)
  return {0, string.format('%.0f', now), worst - 1, room, used, held, reset}
end
local answer = {1, string.format('%.0f', now)}
for _, charge in ipairs(charges) do
  if charge.kind == 's' then
    count(charge.key, tonumber(charge.span), charge.amount)
  else
    hold(charge.key, charge.holds, lease .. ':' .. charge.amount, charge.amount, ttl, charge.expires)
  end
  local used, held, reset = level(charge.kind, charge.key, charge.holds, charge.span)
  answer[#answer + 1] = used
  answer[#answer + 1] = held
  answer[#answer + 1] = reset
end
return answer
