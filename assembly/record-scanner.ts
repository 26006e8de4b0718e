// Records of a Kafka batch → columns of readings, a window of bytes at a time. The host copies part
// of a batch into the window and calls `scan`; row i of the columns then is record i. Whatever is
// not plain is left to the host: a record that is no flat JSON or Avro reading gets kind 0, and at
// one whose framing does not add up, or that the window cuts off, the scan ends.
//
// record = varint length, int8 attributes, varlong timestampDelta, varint offsetDelta,
// varint-prefixed key and value (-1 = null), varint header count, headers.
import { scanAvro } from './avro';
import { sameBytes } from './bytes';
import { scanDeep } from './deep-json';
import { clearIds, hasRoom, writeRows } from './deep-rows';
import { scanJson } from './json';
import {
  idEnds,
  idStarts,
  isDeclared,
  isDeep,
  kinds,
  offsets,
  recordEnds,
  recordIndexes,
  recordTimesMs,
  rowsMax,
  starts,
  timestampsMs,
  values,
  window,
} from './layout';
import { idEnd, idStart, timestampMs, value } from './reading';
import { isDoubtful } from './time-unit';
import { at, broken, readFrom, readInt, readLong, skip } from './varint';

/** The kind of a record: undecided, a reading keyed by its sensor id, or another reading. */
const undecided: u8 = 0;
export const keyedReading: u8 = 1;
const otherReading: u8 = 2;

const recordBytesMin: i32 = 6; // after the length: an empty key and value, no headers
const confluentHeaderBytes: usize = 5;
const readingBytesMax: usize = 1048576;

/** Where the record after the last row begins, in the window. */
export let scannedBytes: i32 = 0;

/**
 * Scans up to `records` records that begin with the window and returns how many. `bytes` of the
 * window are filled, of `sectionBytes` to the end of the batch, where its last record ends. Offsets
 * rise from after `afterOffset` to `lastOffset`. `appendTimeMs` is every record's timestamp, NaN
 * where each has its own.
 */
export function scan(
  records: i32,
  bytes: i32,
  sectionBytes: i32,
  baseOffset: f64,
  afterOffset: f64,
  lastOffset: f64,
  baseTimestampMs: f64,
  appendTimeMs: f64,
): i32 {
  const deep = load<i32>(isDeep) != 0;
  if (deep) clearIds();
  let begin = window;
  let offset = afterOffset;
  let row = 0;
  for (let record = 0; record < records && row < rowsMax; record += 1) {
    if (deep && !hasRoom(row)) break;
    readFrom(begin);
    const length = readInt();
    if (broken || length < recordBytesMin) break;
    const end = at + <usize>length;
    if (end > window + <usize>bytes) break;
    if (record == records - 1 && end != window + <usize>sectionBytes) break;
    skip(1); // record attributes: unused by the format
    const timeMs = baseTimestampMs + <f64>readLong();
    const nextOffset = baseOffset + <f64>readInt();
    const keyLength = readInt();
    const keyStart = at;
    if (keyLength > 0) skip(keyLength);
    if (broken || at > end) break;
    const valueLength = readInt();
    const valueStart = at;
    if (valueLength > 0) skip(valueLength);
    if (broken || at > end) break;
    const valueEnd = at;
    const headerCount = readInt();
    if (broken || headerCount < 0 || at > end || headerCount > (<i32>(end - at)) >> 1) break;
    if (nextOffset <= offset || nextOffset > lastOffset) break;
    offset = nextOffset;

    store<i32>(starts + ((<usize>row) << 2), <i32>(begin - window));
    store<f64>(offsets + ((<usize>row) << 3), offset);
    const recordTimeMs = isNaN(appendTimeMs) ? timeMs : appendTimeMs;
    store<f64>(recordTimesMs + ((<usize>row) << 3), recordTimeMs);
    if (deep) {
      row = deepRows(row, record, keyStart, keyLength, valueStart, valueEnd, headerCount);
      begin = end;
      continue;
    }
    const kind =
      valueLength > 0 && isReading(valueStart, valueEnd)
        ? flatRow(row, keyStart, keyLength, recordTimeMs)
        : undecided;
    store<u8>(kinds + <usize>row, kind);
    row += 1;
    begin = end;
  }
  scannedBytes = <i32>(begin - window);
  return row;
}

/** Writes the row of the reading found last; returns its kind. */
function flatRow(row: i32, keyStart: usize, keyLength: i32, recordTimeMs: f64): u8 {
  store<i32>(idStarts + ((<usize>row) << 2), <i32>(idStart - window));
  store<i32>(idEnds + ((<usize>row) << 2), <i32>(idEnd - window));
  store<f64>(timestampsMs + ((<usize>row) << 3), timestampMs);
  store<f64>(values + ((<usize>row) << 3), value);
  if (load<i32>(isDeclared) != 0 && isDoubtful(timestampMs, recordTimeMs)) return undecided;
  const idLength = idEnd - idStart;
  const isKey = keyLength == <i32>idLength && sameBytes(keyStart, idStart, idLength);
  return isKey ? keyedReading : otherReading;
}

/**
 * Writes the rows of a declared record from `row` on, one where it is undecided; returns the row
 * behind them. Its first row has its start, offset and time already.
 */
function deepRows(
  row: i32,
  record: i32,
  keyStart: usize,
  keyLength: i32,
  valueStart: usize,
  valueEnd: usize,
  headerCount: i32,
): i32 {
  const recordTimeMs = load<f64>(recordTimesMs + ((<usize>row) << 3));
  // Headers may say which of its values are to be read.
  const isPlain = headerCount == 0 && valueEnd - valueStart <= readingBytesMax;
  let count = 0;
  if (isPlain && valueEnd > valueStart && load<u8>(valueStart) == 0x7b) {
    if (scanDeep(valueStart, valueEnd)) {
      count = writeRows(row, keyStart, keyLength, recordTimeMs, keyedReading, otherReading);
    }
  }
  if (count == 0) {
    store<u8>(kinds + <usize>row, undecided);
    count = 1;
  }
  const start = load<i32>(starts + ((<usize>row) << 2));
  const offset = load<f64>(offsets + ((<usize>row) << 3));
  for (let next = row; next < row + count; next += 1) {
    const at4 = (<usize>next) << 2;
    const at8 = (<usize>next) << 3;
    store<i32>(starts + at4, start);
    store<f64>(offsets + at8, offset);
    store<f64>(recordTimesMs + at8, recordTimeMs);
    store<i32>(recordIndexes + at4, record);
    store<i32>(recordEnds + at4, row + count);
  }
  return row + count;
}

/** The format is seen by the first byte; one that begins otherwise is left to the host. */
function isReading(start: usize, end: usize): bool {
  if (end - start > readingBytesMax) return false;
  const first: u32 = load<u8>(start);
  if (first == 0x7b) return scanJson(start, end);
  if (load<i32>(isDeclared) != 0) return false;
  if (first != 0) return scanAvro(start, end);
  return end - start > confluentHeaderBytes && scanAvro(start + confluentHeaderBytes, end);
}
