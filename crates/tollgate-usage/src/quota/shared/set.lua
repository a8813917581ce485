-- Keys: what is counted and what is held. Arguments: the time or nothing, the kind, the amount, span, when the key may be
-- forgotten or nothing, and whether it is set though it has been before.
local key, kind, amount, span, expires, always = KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6] == '1'
if kind == 'b' then
  if not always then
    redis.call('HSETNX', key, 'spent', amount)
  else
    redis.call('HSET', key, 'spent', amount)
  end
  if expires ~= '' then redis.call('PEXPIREAT', key, expires) else redis.call('PERSIST', key) end
elseif kind == 's' and (always or redis.call('EXISTS', key) == 0) then
  redis.call('DEL', key)
  if amount ~= '0' then count(key, tonumber(span), amount) end
end
return 1
