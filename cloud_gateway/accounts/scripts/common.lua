-- What the scripts of the accounts share; it is put before each of them.
--
-- KEYS[1]  hash: bill id -> what it holds, as JSON: {requests, tokens, nano_usd, page, page, ...}
-- KEYS[2]  sorted set: bill id by the second at which its reservation expires
-- All keys of a payer have one hash tag, so that they are in one slot of a cluster.
--
-- A page is a hash of six sums. Amounts travel as text: a number of Lua's would lose digits on its way to Redis, but
-- compares exactly up to 2^53, which is nine million USD.

local SUMS = {'requests', 'tokens', 'nano_usd'}
local MOST_AT_ONCE = 1000

-- Adds to three sums of a page; `sign` is '' or '-'.
local function add(page, prefix, sign, amounts)
    for index, sum in ipairs(SUMS) do
        if amounts[index] ~= '0' then
            redis.call('HINCRBY', page, prefix .. sum, sign .. amounts[index])
        end
    end
end

-- Lets go of what a bill holds.
local function release(id)
    local record = redis.call('HGET', KEYS[1], id)
    if not record then
        return
    end
    local held = cjson.decode(record)
    for index = 4, #held do
        if redis.call('EXISTS', held[index]) == 1 then
            add(held[index], 'reserved_', '-', held)
        end
    end
    redis.call('HDEL', KEYS[1], id)
    redis.call('ZREM', KEYS[2], id)
end

-- Frees what dead gateways left behind.
local function expire(now)
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, MOST_AT_ONCE)) do
        release(id)
    end
end

-- Keeps a key for so many seconds at least.
local function keep(key, seconds)
    if redis.call('TTL', key) < tonumber(seconds) then
        redis.call('EXPIRE', key, seconds)
    end
end
