-- The six sums of each page in KEYS[3...]: spent, then reserved. ARGV[1]: now.

expire(ARGV[1])
local sums = {}
for number = 3, #KEYS do
    local page = redis.call('HMGET', KEYS[number], 'requests', 'tokens', 'nano_usd',
        'reserved_requests', 'reserved_tokens', 'reserved_nano_usd')
    for index = 1, 6 do
        sums[#sums + 1] = tonumber(page[index] or 0)
    end
end
return sums
