// Feast's online-store bytes as its Python SDK 0.67 writes them (entity key serialization version
// 3). The published specification says RedisKeyV2; the SDK does not do that, so the golden vectors
// in test/codecs/feast-vectors.json, dumped from a Redis that Feast wrote, are what counts.
//
//   key    u32le 1 │ u32le 2, u32le len, join key │ u32le 2, u32le len, id in UTF-8 │ project, no length
//   field  u32le murmur3("<view>:<feature>"), 4 raw bytes          time field  the text "_ts:<view>"
//   value  29 + f64le (Float64) │ 20 + varint of the 64-bit two's complement (Int64) │ empty (null)
//   time   [08 varint seconds] [10 varint nanos], each left out when 0
import { assert, DecodeError } from '../errors.ts';
import { murmur3X86 } from './feast-hash.ts';

export type FeastType = 'Float64' | 'Int64';

export interface FeastTimestamp {
  readonly seconds: number;
  readonly nanos: number;
}

/**
 * Feast's project; part of every key. No project of the same Redis may end in this name (Feast
 * deletes by suffix).
 */
export const feastProject = 'sensor_features';
/** Feast's feature view; part of every field's hash. */
export const feastView = 'sensor_features';
/** The join key of the one entity. */
export const feastJoinKey = 'sensor_id';

/** The names of a feature repository that are part of every key. */
export interface FeastNames {
  readonly project: string;
  readonly joinKey: string;
}

export const feastNames: FeastNames = { project: feastProject, joinKey: feastJoinKey };

/** Bytes that one encoded value takes at most: a tag and a ten-byte varint. */
export const feastValueBytesMax = 11;
/** Bytes that one encoded timestamp takes at most: two tags and two ten-byte varints. */
export const feastTimestampBytesMax = 22;

const tagInt64 = 0x20;
const tagDouble = 0x29;
const tagSeconds = 0x08;
const tagNanos = 0x10;
const stringType = 2;

/**
 * Returns the Redis key of a sensor's hash. It holds NULs and is not text: never let a client
 * decode it.
 */
export function feastEntityKey(sensorId: string, names: FeastNames = feastNames): Buffer {
  const id = utf8(sensorId);
  const keyHead = keyHeadOf(names);
  // One string of bytes, and so one call that writes them: a model asks for a hundred keys at a
  // time.
  return Buffer.from(keyHead + uint32(id.length) + id + utf8(names.project), 'latin1');
}

/** Returns the id in the key of a sensor's hash; undefined where it is none. */
export function sensorIdOfFeastKey(
  key: Buffer,
  names: FeastNames = feastNames,
): string | undefined {
  const keyHead = keyHeadOf(names);
  const start = keyHead.length + 4;
  if (key.length < start || key.toString('latin1', 0, keyHead.length) !== keyHead) return undefined;
  const end = start + key.readUInt32LE(keyHead.length);
  return key.toString('utf8', end) === names.project ? key.toString('utf8', start, end) : undefined;
}

/** Returns `text` in UTF-8, each byte as one character. */
function utf8(text: string): string {
  const isAscii = Buffer.byteLength(text) === text.length;
  return isAscii ? text : Buffer.from(text).toString('latin1');
}

/** Returns the four bytes of a u32le, each as one character. */
function uint32(value: number): string {
  return String.fromCharCode(value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24);
}

let lastHead = { joinKey: '', text: '' };

/** Returns the prefix of every key, up to the length of the id; a process has one join key. */
function keyHeadOf({ joinKey }: FeastNames): string {
  if (lastHead.joinKey !== joinKey) {
    const name = uint32(Buffer.byteLength(joinKey)) + utf8(joinKey);
    lastHead = { joinKey, text: uint32(1) + uint32(stringType) + name + uint32(stringType) };
  }
  return lastHead.text;
}

/** Returns the four bytes that name `feature` of `view` inside a sensor's hash. */
export function feastField(feature: string, view: string = feastView): Buffer {
  const field = Buffer.allocUnsafe(4);
  field.writeUInt32LE(murmur3X86(Buffer.from(`${view}:${feature}`)), 0);
  return field;
}

/** Returns the field that holds the event time of `view`'s row. */
export function feastTimeField(view: string = feastView): Buffer {
  return Buffer.from(`_ts:${view}`);
}

/**
 * Returns the fields of `features` in their order.
 * @throws InvariantError when two of them hash to the same field, which Feast itself would not
 * notice.
 */
export function feastFields(features: readonly string[], view: string = feastView): Buffer[] {
  const owners = new Map<string, string>();
  return features.map((feature) => {
    const field = feastField(feature, view);
    const owner = owners.get(field.toString('hex'));
    assert(owner === undefined, 'two features share one field of the Feast layout', {
      feature,
      other: owner,
    });
    owners.set(field.toString('hex'), feature);
    return field;
  });
}

/**
 * Writes `value` into `target` at `at` and returns the offset after it; at most feastValueBytesMax
 * bytes. Null and NaN are the empty value, as Feast writes them from pandas.
 * @throws DecodeError when an Int64 is not a safe integer (use a bigint beyond 2^53).
 */
export function writeFeastValue(
  target: Buffer,
  at: number,
  type: FeastType,
  value: number | bigint | null,
): number {
  if (value === null || Number.isNaN(value)) return at;
  if (type === 'Float64') {
    target[at] = tagDouble;
    return target.writeDoubleLE(Number(value), at + 1);
  }
  target[at] = tagInt64;
  return writeVarint(target, at + 1, value);
}

/**
 * Returns `value` as a serialized feast.types.Value; empty for null and NaN.
 * @throws DecodeError as writeFeastValue.
 */
export function encodeFeastValue(type: FeastType, value: number | bigint | null): Buffer {
  const target = Buffer.allocUnsafe(feastValueBytesMax);
  return target.subarray(0, writeFeastValue(target, 0, type, value));
}

/**
 * Returns the number in the serialized feast.types.Value `[start, end)` of `bytes`, null for the
 * empty one; an Int64 beyond 2^53 is rounded. @throws DecodeError when the bytes hold neither a
 * double_val nor an int64_val.
 */
export function decodeFeastValue(
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
): number | null {
  if (start === end) return null;
  if (bytes[start] === tagDouble && end - start === 9) {
    for (let index = 0; index < 8; index += 1) doubleBytes[index] = bytes[start + 1 + index] ?? 0;
    return doubleView.getFloat64(0, true);
  }
  if (bytes[start] === tagInt64) {
    const varint = readVarint(bytes, start + 1, end);
    if (varint.end === end) return varint.value;
  }
  throw new DecodeError('expected a Feast double or int64 value', {
    hex: hexOf(bytes.subarray(start, end)),
  });
}

/**
 * A double on its way out of bytes: a view of them, made for each value, costs more than the copy.
 */
const doubleBytes = new Uint8Array(8);
const doubleView = new DataView(doubleBytes.buffer);

/**
 * Writes the timestamp of `epochMs` (ms, an integer) into `target` at `at`; returns the offset
 * after it.
 */
export function writeFeastTimestamp(target: Buffer, at: number, epochMs: number): number {
  assert(Number.isSafeInteger(epochMs), 'a Feast timestamp needs whole milliseconds', { epochMs });
  const seconds = Math.floor(epochMs / 1000);
  const nanos = (epochMs - seconds * 1000) * 1_000_000;
  return writeTimestampParts(target, at, { seconds, nanos });
}

/**
 * Returns a serialized google.protobuf.Timestamp; `nanos` in [0, 1e9). Feast keeps microseconds at
 * most.
 */
export function encodeFeastTimestamp(timestamp: FeastTimestamp): Buffer {
  const target = Buffer.allocUnsafe(feastTimestampBytesMax);
  return target.subarray(0, writeTimestampParts(target, 0, timestamp));
}

/**
 * Returns the parts of the serialized google.protobuf.Timestamp `[start, end)` of `bytes`.
 * @throws DecodeError when it is none.
 */
export function decodeFeastTimestamp(
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
): FeastTimestamp {
  let seconds = 0;
  let nanos = 0;
  for (let at = start; at < end;) {
    const tag = bytes[at];
    const varint = readVarint(bytes, at + 1, end);
    if (tag === tagSeconds) seconds = varint.value;
    else if (tag === tagNanos) nanos = varint.value;
    else {
      const hex = hexOf(bytes.subarray(start, end));
      throw new DecodeError('expected a protobuf Timestamp', { hex });
    }
    at = varint.end;
  }
  return { seconds, nanos };
}

/**
 * Returns the milliseconds since the epoch of a serialized Timestamp, with a fraction below the
 * millisecond.
 */
export function feastTimestampMs(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  const { seconds, nanos } = decodeFeastTimestamp(bytes, start, end);
  return seconds * 1000 + nanos / 1_000_000;
}

function writeTimestampParts(target: Buffer, at: number, timestamp: FeastTimestamp): number {
  let end = at;
  if (timestamp.seconds !== 0) {
    target[end] = tagSeconds;
    end = writeVarint(target, end + 1, timestamp.seconds);
  }
  if (timestamp.nanos !== 0) {
    target[end] = tagNanos;
    end = writeVarint(target, end + 1, timestamp.nanos);
  }
  return end;
}

function writeVarint(target: Buffer, at: number, value: number | bigint): number {
  if (typeof value === 'bigint' || value < 0) return writeWideVarint(target, at, value);
  assertInt64(value);
  let end = at;
  let rest = value;
  // Division, not shifts: counts may pass 2^32.
  while (rest > 127) {
    target[end++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  target[end++] = rest;
  return end;
}

function writeWideVarint(target: Buffer, at: number, value: number | bigint): number {
  if (typeof value === 'number') assertInt64(value);
  let rest = BigInt.asUintN(64, BigInt(value));
  let end = at;
  while (rest > 127n) {
    target[end++] = Number(rest & 127n) | 128;
    rest >>= 7n;
  }
  target[end++] = Number(rest);
  return end;
}

function assertInt64(value: number): void {
  if (Number.isSafeInteger(value)) return;
  throw new DecodeError('expected a whole number for an Int64 feature', { value });
}

interface Varint<T> {
  readonly value: T;
  /** The offset after it. */
  readonly end: number;
}

/** Returns the varint at `at`, which ends at `limit` at the latest; beyond 2^53 it is rounded. */
function readVarint(bytes: Uint8Array, at: number, limit: number): Varint<number> {
  let sum = 0;
  let scale = 1;
  // Seven bytes hold 49 bits, which a double keeps; BigInt costs ten times as much.
  for (let index = at; index < Math.min(at + 7, limit); index += 1) {
    const byte = bytes[index] ?? 0;
    sum += (byte & 127) * scale;
    if (byte < 128) return { value: sum, end: index + 1 };
    scale *= 128;
  }
  const { value, end } = readWideVarint(bytes, at, limit);
  return { value: Number(value), end };
}

function readWideVarint(bytes: Uint8Array, at: number, limit: number): Varint<bigint> {
  let value = 0n;
  for (let index = at; index < Math.min(at + 10, limit); index += 1) {
    const byte = bytes[index] ?? 0;
    value |= BigInt(byte & 127) << BigInt(7 * (index - at));
    if (byte < 128) return { value: BigInt.asIntN(64, value), end: index + 1 };
  }
  const hex = hexOf(bytes.subarray(at, limit));
  throw new DecodeError('expected a varint of at most ten bytes', { hex });
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, 64)).toString('hex');
}
