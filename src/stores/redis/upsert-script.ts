// The only write to Redis: a Lua script that keeps the newer window of each sensor, atomically per
// key. Feast reads the stored time and writes in two steps, so its writers can race; ours cannot.
// The script compares the stored `_ts:` protobuf, so it also respects Feast's own writes (push,
// materialize).
import { namedScript, type RedisScript } from './redis-script.ts';

/** Outcome of one row; the script answers one per key. */
export const upsertResult = { skipped: 0, written: 1, wrongType: 2 } as const;

// KEYS one sensor's hash per row ARGV[1] the time field ARGV[2] seconds to live, 0 = no expiry
// ARGV[4..] the feature fields ARGV[3] the rows, packed: per row the time and then each feature's
// value, each as one length byte + bytes.
//          One string per call is cheaper than an argument per value.
// A varint of ten bytes is a negative 64-bit number. It is complemented before summing, because a
// Lua number is a double. A stored time that is not a Timestamp is overwritten.
const lua = `
local function varint(bytes, at)
  local sum, scale, complement, last = 0, 1, 0, #bytes
  for index = at, last do
    local byte = string.byte(bytes, index)
    local low = byte % 128
    if index - at == 9 then return -complement - 1, index + 1 end
    sum = sum + low * scale
    complement = complement + (127 - low) * scale
    scale = scale * 128
    if byte < 128 then return sum, index + 1 end
  end
end

local function timestamp(bytes)
  local seconds, nanos, at = 0, 0, 1
  while at <= #bytes do
    local tag = string.byte(bytes, at)
    local value, after = varint(bytes, at + 1)
    if not value then return nil end
    if tag == 8 then seconds = value elseif tag == 16 then nanos = value else return nil end
    at = after
  end
  return seconds, nanos
end

local function newer(offered, stored)
  if offered == stored then return false end
  local storedSeconds, storedNanos = timestamp(stored)
  if not storedSeconds then return true end
  local seconds, nanos = timestamp(offered)
  return seconds > storedSeconds or (seconds == storedSeconds and nanos > storedNanos)
end

local timeField, ttl, packed = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local features = #ARGV - 3
local format = string.rep('Bc0', features + 1)
local at = 1
local results = {}
for row, key in ipairs(KEYS) do
  local cells = { struct.unpack(format, packed, at) }
  at = cells[features + 2]
  local stored = redis.pcall('HGET', key, timeField)
  if type(stored) == 'table' then
    if not string.find(stored.err, 'WRONGTYPE', 1, true) then return stored end
    results[row] = ${upsertResult.wrongType}
  elseif stored and not newer(cells[1], stored) then
    results[row] = ${upsertResult.skipped}
  else
    local pairs = { timeField, cells[1] }
    for feature = 1, features do
      pairs[2 * feature + 1] = ARGV[feature + 3]
      pairs[2 * feature + 2] = cells[feature + 1]
    end
    redis.call('HSET', key, unpack(pairs))
    if ttl > 0 then redis.call('EXPIRE', key, ttl) end
    results[row] = ${upsertResult.written}
  end
end
return results
`;

/** Script whose reply is one `upsertResult` per key. */
export const upsertScript: RedisScript = namedScript(lua);
