-- Holds a bill's worst case in all its pages, or in none.
--
-- KEYS[3]   exists where the id was billed; KEYS[4...] the pages
-- ARGV[1]   bill id; ARGV[2] now; ARGV[3] when it expires; ARGV[4..6] requests, tokens, nano-USD
-- ARGV[7..] for each page: seconds to keep it, and its three limits, or '' for none
-- Returns the places that have no room: page and resource (counted from 0), spent, reserved; nothing once it is held.

local id = ARGV[1]
local wanted = {ARGV[4], ARGV[5], ARGV[6]}
expire(ARGV[2])
if redis.call('EXISTS', KEYS[3]) == 1 then
    return {}
end
if redis.call('ZSCORE', KEYS[2], id) then
    redis.call('ZADD', KEYS[2], ARGV[3], id)
    return {}
end

local full = {}
for number = 4, #KEYS do
    local at = 7 + 4 * (number - 4)
    local sums = false
    for index, sum in ipairs(SUMS) do
        local most = ARGV[at + index]
        if most ~= '' and wanted[index] ~= '0' then
            sums = redis.call('HMGET', KEYS[number], sum, 'reserved_' .. sum)
            local spent, reserved = tonumber(sums[1] or 0), tonumber(sums[2] or 0)
            if spent + reserved + tonumber(wanted[index]) > tonumber(most) then
                for _, value in ipairs({number - 4, index - 1, spent, reserved}) do
                    full[#full + 1] = value
                end
            end
        end
    end
end
if #full > 0 then
    return full
end

local held = {wanted[1], wanted[2], wanted[3]}
local longest = 0
for number = 4, #KEYS do
    local seconds = ARGV[7 + 4 * (number - 4)]
    add(KEYS[number], 'reserved_', '', wanted)
    keep(KEYS[number], seconds)
    held[number] = KEYS[number]
    longest = math.max(longest, tonumber(seconds))
end
redis.call('HSET', KEYS[1], id, cjson.encode(held))
redis.call('ZADD', KEYS[2], ARGV[3], id)
keep(KEYS[1], longest)
keep(KEYS[2], longest)
return {}
