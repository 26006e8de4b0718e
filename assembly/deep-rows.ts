// Writes the rows of a declared record from the values found in it: one row for each value, in the
// order of the declaration. An id of several parts, or with the name of its value appended, is
// assembled in the arena, because the record does not hold it in one piece. A record in doubt is
// left to the host as a whole.
import { isUtf8, sameBytes } from './bytes';
import {
  idsFound,
  isThere,
  metricEnd,
  metricStart,
  slots,
  slotsMax,
  timeFound,
  timeValue,
  valuesFound,
} from './found';
import {
  foundIds,
  idArena,
  idArenaBytes,
  idEnds,
  idStarts,
  kinds,
  rowsMax,
  slotSuffixes,
  slotValues,
  timestampsMs,
  values,
  window,
} from './layout';
import { safeIntegerMax, sensorIdBytesMax } from './reading';
import {
  declaredSlots,
  hasMetric,
  hasSuffix,
  idParts,
  suffixLength,
  suffixStart,
  timeIsRecord,
  timeIsText,
  timeKind,
} from './shape';
import { isDoubtful } from './time-unit';

const idMax: usize = <usize>sensorIdBytesMax;
/** Room that one id may need while it is made: each byte may take three. */
const idRoom: usize = 4 * 256;

/** Where the next id is put together. */
let arenaEnd: usize = idArena;

export function clearIds(): void {
  arenaEnd = idArena;
}

/** Whether there is room for the rows of another record. */
export function hasRoom(row: i32): bool {
  const declared = declaredSlots();
  const rows = declared > 0 ? declared : slotsMax;
  const idBytes = <usize>(rows + 1) * idMax + idRoom;
  return row + rows <= rowsMax && arenaEnd + idBytes <= idArena + <usize>idArenaBytes;
}

/**
 * Writes the rows of the record from `row` on, of `kind` keyed where its key is the device; returns
 * how many, 0 where the record is left to the host.
 */
export function writeRows(
  row: i32,
  keyStart: usize,
  keyLength: i32,
  recordTimeMs: f64,
  keyed: u8,
  other: u8,
): i32 {
  if (valuesFound == 0 || idsFound != idParts()) return 0;
  const timeMs = foundTimeMs(recordTimeMs);
  if (!(abs(timeMs) <= safeIntegerMax) || floor(timeMs) != timeMs) return 0;
  if (!findDevice(keyStart, keyLength)) return 0;
  const isKey = keyLength == <i32>deviceLength && sameBytes(keyStart, device, deviceLength);
  const kind = isKey ? keyed : other;
  let next = row;
  for (let slot = 0; slot < slots; slot += 1) {
    if (!isThere(slot)) continue;
    if (!findSensor(slot)) return 0;
    const at4 = (<usize>next) << 2;
    const at8 = (<usize>next) << 3;
    store<i32>(idStarts + at4, <i32>(sensor - window));
    store<i32>(idEnds + at4, <i32>(sensor + sensorLength - window));
    store<f64>(timestampsMs + at8, timeMs + 0); // −0 becomes 0
    store<f64>(values + at8, load<f64>(slotValues + ((<usize>slot) << 3)));
    store<u8>(kinds + <usize>next, kind);
    next += 1;
  }
  return next - row;
}

/** Returns the time of the record, ms; NaN if it has none, or one that may be in another unit. */
function foundTimeMs(recordTimeMs: f64): f64 {
  const kind = timeKind();
  if (kind == timeIsRecord) return recordTimeMs > 0 ? recordTimeMs : NaN;
  if (!timeFound) return NaN;
  if (kind == timeIsText) return timeValue;
  return isDoubtful(timeValue, recordTimeMs) ? NaN : timeValue;
}

let device: usize = 0;
let deviceLength: usize = 0;

function findDevice(keyStart: usize, keyLength: i32): bool {
  const parts = idParts();
  if (parts == 0) {
    device = keyStart;
    deviceLength = <usize>max(keyLength, 0);
    return deviceLength > 0 && deviceLength <= idMax && isUtf8(device, device + deviceLength);
  }
  const first: usize = load<u32>(foundIds);
  const firstEnd: usize = load<u32>(foundIds, 4);
  const firstLength = firstEnd - first;
  if (firstLength > idMax) return false;
  if (parts == 1) {
    device = first;
    deviceLength = firstLength;
    return true;
  }
  const start = arenaEnd;
  let to = copied(first, firstLength, start);
  for (let part = 1; part < parts; part += 1) {
    const at = foundIds + ((<usize>part) << 3);
    const partStart: usize = load<u32>(at);
    const partEnd: usize = load<u32>(at, 4);
    const partLength = partEnd - partStart;
    if (partLength > idMax) return false;
    store<u8>(to, 0x2f);
    to = escaped(partStart, partLength, to + 1);
    if (to - start > idMax) return false;
  }
  device = start;
  deviceLength = to - start;
  arenaEnd = to;
  return true;
}

let sensor: usize = 0;
let sensorLength: usize = 0;

function findSensor(slot: i32): bool {
  sensor = device;
  sensorLength = deviceLength;
  if (!hasSuffix()) return true;
  const start = arenaEnd;
  let to = copied(device, deviceLength, start);
  if (hasMetric()) {
    if (metricEnd == 0) return false;
    to = named(metricStart, metricEnd - metricStart, to);
  } else if (slot < declaredSlots()) {
    to = copied(suffixStart(slot), suffixLength(slot), to);
  } else {
    const name = load<u64>(slotSuffixes + ((<usize>slot) << 3));
    to = named(<usize>(name & 0xffffffff), <usize>(name >> 32), to);
  }
  if (to == 0) return false;
  sensor = start;
  sensorLength = to - start;
  arenaEnd = to;
  return sensorLength <= idMax;
}

/** Writes a name behind a device; returns the position behind it, 0 where it is too long. */
function named(name: usize, length: usize, to: usize): usize {
  if (length > idMax) return 0;
  store<u8>(to, 0x2f);
  return escaped(name, length, to + 1);
}

/** Copies eight bytes at a time; what it writes behind the last is written over. */
function copied(from: usize, length: usize, to: usize): usize {
  for (let at: usize = 0; at < length; at += 8) store<u64>(to + at, load<u64>(from + at));
  return to + length;
}

/** Copies a part of an id, in which `%` and `/` are escaped: src/sensors/input-declaration.ts. */
function escaped(from: usize, length: usize, start: usize): usize {
  let to = start;
  for (let at = from; at < from + length; at += 1) {
    const byte: u32 = load<u8>(at);
    if (byte == 0x2f || byte == 0x25) {
      store<u8>(to, 0x25);
      store<u8>(to, 0x32, 1);
      store<u8>(to, byte == 0x25 ? 0x35 : 0x46, 2);
      to += 3;
    } else {
      store<u8>(to, byte);
      to += 1;
    }
  }
  return to;
}
