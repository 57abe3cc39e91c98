"""What Redis does with the records of runs, each script as one step. docs/gateway.md describes the records.

Instants are those of Redis's own clock, in milliseconds, so that the gateways' clocks need not agree. Every script
bears being run twice.
"""

from __future__ import annotations

from typing import Final

_NOW: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

# KEYS: record, text. ARGV: fingerprint, owner, lease, keep, cursor, birth.
CLAIM: Final = (
    _NOW
    + """
local seen = redis.call('HMGET', KEYS[1], 'chat', 'owner', 'state', 'until', 'cursor', 'birth', 'pieces')
if seen[1] and seen[3] ~= 'failed' then
  if seen[1] ~= ARGV[1] then return {'foreign'} end
  if ARGV[6] ~= '' and seen[6] ~= ARGV[6] then return {'absent'} end
  if seen[3] == 'finished' then return {'follow'} end
  if seen[2] ~= ARGV[2] and now < tonumber(seen[4]) then return {'follow'} end
  if tonumber(seen[5]) < tonumber(ARGV[5]) then return {'absent'} end
else
  if tonumber(ARGV[5]) > 0 or ARGV[6] ~= '' then return {'absent'} end
  redis.call('DEL', KEYS[1], KEYS[2])
  redis.call('HSET', KEYS[1], 'chat', ARGV[1], 'birth', ARGV[2], 'state', 'running', 'cursor', 0, 'pieces', 0)
  seen[6], seen[7] = ARGV[2], 0
end
redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'until', now + ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return {'own', seen[6], tonumber(seen[7]), redis.call('GET', KEYS[2]) or ''}
"""
)

# KEYS: record and text of each run. ARGV: lease, keep; owner, cursor, text, its length, pieces in all, model of each.
# Gives for each: how long the text is now (-1: it is another's, -2: there is no record, -3: it was cancelled), and
# whether anybody follows it at another gateway.
WRITE: Final = (
    _NOW
    + """
local results = {}
for i = 1, #KEYS / 2 do
  local record, text, at = KEYS[2 * i - 1], KEYS[2 * i], 6 * i - 4
  local seen = redis.call('HMGET', record, 'owner', 'state', 'cursor', 'wanted')
  local stored, wanted = -2, 0
  if seen[1] then
    if seen[1] ~= ARGV[at + 1] then
      stored = -1
    elseif seen[2] ~= 'running' then
      stored = -3
    else
      stored = tonumber(seen[3])
      local length = tonumber(ARGV[at + 4])
      if stored == tonumber(ARGV[at + 2]) and length > 0 then
        redis.call('APPEND', text, ARGV[at + 3])
        stored = stored + length
      end
      redis.call('HSET', record, 'cursor', stored, 'pieces', ARGV[at + 5], 'model', ARGV[at + 6])
      redis.call('HSET', record, 'until', now + ARGV[1])
      redis.call('PEXPIRE', record, ARGV[2])
      redis.call('PEXPIRE', text, ARGV[2])
      if seen[4] and now - seen[4] < 1000 then wanted = 1 end
    end
  end
  results[2 * i - 1], results[2 * i] = stored, wanted
end
return results
"""
)

# KEYS: record, text. ARGV: owner (empty: whoever it is), state, what it ended with, keep.
END: Final = """
local seen = redis.call('HMGET', KEYS[1], 'owner', 'state')
if not seen[1] or seen[2] ~= 'running' or (ARGV[1] ~= '' and ARGV[1] ~= seen[1]) then return 0 end
redis.call('HSET', KEYS[1], 'state', ARGV[2], 'end', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1
"""

# KEYS: record and text of each run. ARGV: how many bytes of each are known. Gives for each: nothing where there is no
# record, 0 where there is nothing new, or its birth, state, model, end, the new bytes, and whether its owner is gone.
READ: Final = (
    _NOW
    + """
local results = {}
for i = 1, #KEYS / 2 do
  local record, text = KEYS[2 * i - 1], KEYS[2 * i]
  local seen = redis.call('HMGET', record, 'birth', 'state', 'model', 'end', 'until')
  if not seen[1] then
    results[i] = false
  else
    local gone = seen[2] == 'running' and now >= tonumber(seen[5])
    redis.call('HSET', record, 'wanted', now)
    if seen[2] == 'running' and not gone and redis.call('STRLEN', text) <= tonumber(ARGV[i]) then
      results[i] = 0
    else
      local news = redis.call('GETRANGE', text, ARGV[i], -1)
      results[i] = {seen[1], seen[2], seen[3] or '', seen[4] or '', news, gone and 1 or 0}
    end
  end
end
return results
"""
)
