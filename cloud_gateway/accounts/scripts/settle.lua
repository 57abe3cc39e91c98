-- Replaces what a bill holds by what was used, once for each id.
--
-- KEYS[3]   exists where the id was billed; KEYS[4...] the pages
-- ARGV[1]   bill id; ARGV[2] for how many seconds the id is remembered; ARGV[3..5] requests, tokens, nano-USD
-- ARGV[6..] for each page: seconds to keep it

release(ARGV[1])
if redis.call('EXISTS', KEYS[3]) == 1 then
    return 0
end
for number = 4, #KEYS do
    add(KEYS[number], '', '', {ARGV[3], ARGV[4], ARGV[5]})
    keep(KEYS[number], ARGV[number + 2])
end
redis.call('SET', KEYS[3], 1, 'EX', ARGV[2])
return 1
