-- Keys: two for each counter. Arguments: the time or nothing, then for each its kind and span.
local answer = {}
for i = 1, #KEYS / 2 do
  local used, held, reset = level(ARGV[2 * i], KEYS[2 * i - 1], KEYS[2 * i], ARGV[2 * i + 1])
  answer[#answer + 1] = used
  answer[#answer + 1] = held
  answer[#answer + 1] = reset
end
return {string.format('%.0f', now), answer}
