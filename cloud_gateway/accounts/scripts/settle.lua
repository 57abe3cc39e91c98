-- Replaces what a bill holds by what was used, once for each id. Returns what it was billed, where it was before.
--
-- KEYS[3]   what the id was billed, where it was; KEYS[4...] the pages
-- ARGV[1]   bill id; ARGV[2] for how many seconds the id is remembered; ARGV[3..5] requests, tokens, nano-USD
-- ARGV[6..] for each page: seconds to keep it

release(ARGV[1])
local billed = redis.call('GET', KEYS[3])
if billed then
    return billed
end
for number = 4, #KEYS do
    add(KEYS[number], '', '', {ARGV[3], ARGV[4], ARGV[5]})
    keep(KEYS[number], ARGV[number + 2])
end
redis.call('SET', KEYS[3], ARGV[3] .. ' ' .. ARGV[4] .. ' ' .. ARGV[5], 'EX', ARGV[2])
return false
