"""The script that appends to a run's stream in Redis: numbers, keys, bound and news in one step."""

APPEND = """
local epoch, bound, keep_ms = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local known = redis.call('HMGET', KEYS[2], 'epoch', 'last', 'closed')
if epoch > 0 and tonumber(known[1] or '0') > epoch then return {-1} end
local last = tonumber(known[2] or '0')
if epoch > 0 then redis.call('HSET', KEYS[2], 'epoch', epoch) end
local told = {last}
if known[3] then return told end
if last == 0 and epoch > 0 and ARGV[6] and ARGV[6] ~= 'run.started' then return {-2} end
local closed = false
for at = 6, #ARGV, 4 do
  local seq = 0
  if redis.call('HSETNX', KEYS[3], ARGV[at + 1], 1) == 1 then
    last = last + 1
    seq = last
    redis.call('XADD', KEYS[1], seq .. '-0', 'type', ARGV[at], 'body', ARGV[at + 2] .. seq .. ARGV[at + 3])
    closed = closed or ARGV[at] == 'run.finished'
  end
  told[#told + 1] = seq
end
if last > told[1] then
  redis.call('HSET', KEYS[2], 'last', last)
  redis.call('XTRIM', KEYS[1], 'MAXLEN', bound)
  redis.call('PUBLISH', ARGV[5], ARGV[4])
end
if closed then
  redis.call('HSET', KEYS[2], 'closed', 1)
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, keep_ms) end
end
told[1] = last
return told
"""
"""Appends lines whose keys are new; returns the last number, then each line's number or 0.

-1: a newer lease has written; -2: the run's first event is not there yet.
"""
