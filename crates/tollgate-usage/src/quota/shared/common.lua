-- Numbers in Lua are exact to 2^53, and money goes beyond: amounts of money are pairs of billions and rest.
local function split(text)
  local length = #text
  if length <= 9 then return 0, tonumber(text) end
  return tonumber(string.sub(text, 1, length - 9)), tonumber(string.sub(text, length - 8))
end
local function join(high, low)
  if high == 0 then return string.format('%.0f', low) end
  return string.format('%.0f%09.0f', high, low)
end
local function add(one, other)
  local high, low = split(one)
  local high2, low2 = split(other)
  high, low = high + high2, low + low2
  if low >= 1e9 then high, low = high + 1, low - 1e9 end
  return join(high, low)
end
local function subtract(one, other)
  local high, low = split(one)
  local high2, low2 = split(other)
  high, low = high - high2, low - low2
  if low < 0 then high, low = high - 1, low + 1e9 end
  if high < 0 then return '0' end
  return join(high, low)
end
local function at_most(one, other)
  local high, low = split(one)
  local high2, low2 = split(other)
  return high < high2 or (high == high2 and low <= low2)
end
local SLOTS = 60
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local function slot_length(span) return math.max(math.ceil(span / SLOTS), 1) end
-- The slots that still count, the oldest first, and their sum; the others are forgotten.
local function slots_of(key, span)
  local current = math.floor(now / slot_length(span))
  local all = redis.call('HGETALL', key)
  local slots, sum = {}, 0
  for i = 1, #all, 2 do
    local slot, counted = tonumber(all[i]), tonumber(all[i + 1])
    -- A clock that was a whole span ahead would let nothing through for as long.
    if slot + SLOTS < current or slot > current + SLOTS then
      redis.call('HDEL', key, all[i])
    else
      slots[#slots + 1] = {slot, counted}
      sum = sum + counted
    end
  end
  table.sort(slots, function(one, other) return one[1] < other[1] end)
  return slots, sum
end
local function gone_after(slot, span) return math.max((slot + SLOTS + 1) * slot_length(span) - now, 0) end
local function count(key, span, amount)
  redis.call('HINCRBY', key, string.format('%.0f', math.floor(now / slot_length(span))), amount)
  redis.call('PEXPIRE', key, span * 3)
end
-- Holds are members `lease:amount` of a sorted set by the moment at which they lapse; their sum is kept beside them.
local function release(key, holds, member, amount)
  if redis.call('ZREM', holds, member) == 1 then
    redis.call('HSET', key, 'held', subtract(redis.call('HGET', key, 'held') or '0', amount))
  end
end
local function lapse(key, holds)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', holds, '-inf', now, 'LIMIT', 0, 1000)) do
    release(key, holds, member, string.match(member, ':(%d+)$'))
  end
end
local function hold(key, holds, member, amount, ttl, expires)
  if redis.call('ZADD', holds, now + ttl, member) == 1 then
    redis.call('HSET', key, 'held', add(redis.call('HGET', key, 'held') or '0', amount))
  end
  redis.call('PEXPIRE', holds, ttl * 2 + 60000)
  if expires ~= '' then redis.call('PEXPIREAT', key, expires) else redis.call('PERSIST', key) end
end
local function level(kind, key, holds, parameter)
  if kind == 's' then
    local slots, sum = slots_of(key, tonumber(parameter))
    local reset = 0
    for i = #slots, 1, -1 do
      if slots[i][2] > 0 then reset = gone_after(slots[i][1], tonumber(parameter)) break end
    end
    return string.format('%.0f', sum), '0', string.format('%.0f', reset)
  end
  lapse(key, holds)
  local known = redis.call('HMGET', key, 'spent', 'held')
  return known[1] or '0', known[2] or '0', '0'
end
