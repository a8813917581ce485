-- Keys: the owner, then two for each item.
-- Arguments: the time or nothing, the number of this batch, for how long a lease holds, then for each item what it is (a
-- kind to settle, or `r` to renew), the lease, what was taken, what was used, when it was granted, span, and when the key
-- may be forgotten or nothing.
local sequence, ttl = tonumber(ARGV[2]), tonumber(ARGV[3])
-- A batch whose answer was lost comes again.
if sequence <= tonumber(redis.call('GET', KEYS[1]) or '0') then return {} end
redis.call('SET', KEYS[1], ARGV[2], 'PX', 86400000)
local answer = {}
for i = 1, (#KEYS - 1) / 2 do
  local at = 3 + (i - 1) * 7
  local key, holds = KEYS[2 * i], KEYS[2 * i + 1]
  local kind, lease, taken, used = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local granted, span, expires = tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6]), ARGV[at + 7]
  local member = lease .. ':' .. taken
  local before, after = '', ''
  if kind == 's' then
    local difference = tonumber(used) - tonumber(taken)
    if difference > 0 then
      count(key, span, string.format('%.0f', difference))
    elseif difference < 0 then
      local slot = string.format('%.0f', math.floor(granted / slot_length(span)))
      local counted = redis.call('HGET', key, slot)
      if counted then redis.call('HSET', key, slot, string.format('%.0f', math.max(tonumber(counted) + difference, 0))) end
    end
  elseif kind == 'r' then
    hold(key, holds, member, taken, ttl, expires)
  else
    release(key, holds, member, taken)
    before = kind == 'b' and redis.call('HGET', key, 'spent') or ''
    if before ~= '' then
      after = add(before, used)
      redis.call('HSET', key, 'spent', after)
    end
  end
  answer[2 * i - 1], answer[2 * i] = before, after
end
return answer
