// What stands between the values of the records that came before, `{"sensor_id":` and the like: whoever sends readings
// writes each with the same fields in the same way. Where the same bytes come again they were checked before, and the
// scanner jumps over them. Only a short cut: other bytes go the long way, to the same answer.
//
//   {"sensor_id":"sensor_001","timestamp":1700000040000,"value":20.5}
//   └─── 0 ─────┘            └───── 1 ────┘             └── 2 ──┘

/** Fields from here on, and longer keys than this, always go the long way. */
const placesMax = 16;
const placeBytes = 64;
/** A place is learned anew after as many records that have other bytes there. */
const missesMax = 8;

const bytesOf = new Uint8Array(placesMax * placeBytes);
const lengths = new Uint8Array(placesMax);
const fields = new Uint8Array(placesMax);
const misses = new Uint8Array(placesMax).fill(missesMax);

/** Returns where the value begins if the bytes at `at` are those known at `place`, all before `last`; else −1. */
export function knownEnd(bytes: Uint8Array, at: number, last: number, place: number): number {
  // hot path
  if (place >= placesMax) return -1;
  const length = lengths[place] as number;
  if (length === 0 || at + length > last) return -1;
  const known = place * placeBytes;
  for (let i = 0; i < length; i += 1) {
    if (bytes[at + i] !== bytesOf[known + i]) return -1;
  }
  return at + length;
}

/** Returns the field that the bytes known at `place` name. */
export function knownField(place: number): number {
  return fields[place] as number;
}

/** Takes note that bytes [start, end), checked, stood at `place` before a value of `field`. */
export function noteShape(
  bytes: Uint8Array,
  start: number,
  end: number,
  place: number,
  field: number,
): void {
  if (place >= placesMax || end - start > placeBytes) return;
  const missed = (misses[place] as number) + 1;
  misses[place] = missed > missesMax ? 0 : missed;
  if (missed <= missesMax) return;
  for (let i = start; i < end; i += 1) bytesOf[place * placeBytes + i - start] = bytes[i] as number;
  lengths[place] = end - start;
  fields[place] = field;
}
