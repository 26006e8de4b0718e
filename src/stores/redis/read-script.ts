// The read of many sensors in one call: a Lua script that answers with one string. A reply for every value costs the
// client 1.3 µs each to take apart (1,070 µs for 100 sensors with a HMGET each, 65 µs this way).
import { assert } from '../../errors.ts';
import { namedScript, type RedisScript } from './redis-script.ts';

/** Stands first in a row, in place of its cells: the key holds another type than a hash. */
const wrongTypeMark = 255;
/** Bytes of a cell that are answered: more than any value of ours has. A longer one cannot be decoded in any case. */
const cellBytesMax = 253;

// KEYS     one sensor's hash per row
// ARGV     the fields
// answer   the rows, packed: per row each field's value as one byte, its length + 1, and its bytes; 0 = there is none
const lua = `
local fields = #ARGV
local format = string.rep('Bc0', fields)
local rows, cells = {}, {}
for row, key in ipairs(KEYS) do
  local values = redis.pcall('HMGET', key, unpack(ARGV))
  if values.err then
    if not string.find(values.err, 'WRONGTYPE', 1, true) then return values end
    rows[row] = '\\${wrongTypeMark}'
  else
    for field = 1, fields do
      local value = values[field]
      if value and #value > ${cellBytesMax} then value = string.sub(value, 1, ${cellBytesMax}) end
      cells[2 * field - 1] = value and #value + 1 or 0
      cells[2 * field] = value or ''
    end
    rows[row] = struct.pack(format, unpack(cells))
  end
end
return table.concat(rows)
`;

/** Answers with a Buffer of packed rows. */
export const readScript: RedisScript = namedScript(lua);

/** Walks the answer of the read script: per row `wrongType` and, unless it is, `next` for each field. */
export class PackedRows {
  readonly bytes: Buffer;
  /** Where the cell that `next` came to begins and ends. */
  start = 0;
  end = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Whether the row that begins here has no cells because its key holds no hash; it is passed then. */
  wrongType(): boolean {
    if (this.bytes[this.end] !== wrongTypeMark) return false;
    this.end += 1;
    return true;
  }

  /** Goes to the next cell; false where the hash has no such field. */
  next(): boolean {
    const mark = this.bytes[this.end];
    assert(mark !== undefined && mark !== wrongTypeMark, 'a row has a cell for every field');
    this.start = this.end + 1;
    this.end = mark === 0 ? this.start : this.end + mark;
    return mark !== 0;
  }

  /** Whether the answer ends here, and not before. */
  ended(): boolean {
    return this.end === this.bytes.length;
  }
}
