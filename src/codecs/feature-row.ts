// closed window → feature row → bytes, and back. The JSON is a fixed contract: these fields, in
// this order, with every digit a double needs. Next on the line: the commit, which makes the row
// visible.
import { isUtf8 } from 'node:buffer';
import { DecodeError, InvariantError } from '../errors.ts';
import type { FeatureDeclaration } from '../sensors/features.ts';
import type { ClosedWindow } from '../sensors/shard-state.ts';
import { rowWriter, type RowWriter } from '../kernel/row-writer.ts';
import { exactAvroType } from './avro-long.ts';
import { featureRowSchema } from './avro-schemas.ts';
import { bufferOf } from './buffer-of.ts';
import { confluentHeaderBytes, readConfluentSchemaId } from './confluent.ts';
import { createFeatureRowScanner } from './feature-row-scanner.ts';
import { isoTime } from './iso-time.ts';

/** The feature row as a value: one closed window of one sensor. */
export interface FeatureRow {
  readonly sensor_id: string;
  /** ms since epoch, inclusive. */
  readonly window_start: number;
  /** ms since epoch, exclusive. */
  readonly window_end: number;
  /** ISO 8601 of window_end. */
  readonly event_time: string;
  readonly features: Readonly<Record<string, number>>;
  readonly lineage: {
    readonly topic: string;
    readonly partition: number;
    readonly first_offset: number;
    readonly last_offset: number;
  };
}

/** The facts of a row that are not in its window. */
export interface FeatureRowContext {
  /** The input partition the window was folded from. */
  readonly topic: string;
  readonly partition: number;
  /** The features of a row, in the order they are written; one that is not known is left out. */
  readonly features: readonly Pick<FeatureDeclaration, 'name' | 'needs' | 'value'>[];
}

const rowType = exactAvroType(featureRowSchema);

/**
 * Returns the row of `window` as UTF-8 JSON in the contract's field order; numbers in their
 * shortest form that reads back as the same double. Copies what it needs of the window.
 * @throws InvariantError where a feature is not finite: JSON could not hold it.
 */
export function encodeFeatureRowJson(window: ClosedWindow, context: FeatureRowContext): Uint8Array {
  const written = window.isWhole ? writtenRow(window, context) : undefined;
  return written ?? Buffer.from(jsonRow(window, knownOf(window, context)));
}

/** Returns the context with only those features that the window knows. */
function knownOf(window: ClosedWindow, context: FeatureRowContext): FeatureRowContext {
  if (window.isWhole) return context;
  const features = context.features.filter(({ needs }) => window.knows(needs));
  return { ...context, features };
}

/** Returns the JSON of a row, built from strings. */
function jsonRow(window: ClosedWindow, context: FeatureRowContext): string {
  const values = context.features.map((feature) => jsonNumber(finiteValue(feature, window)));
  const numbers = [...values, String(window.firstOffset), String(window.lastOffset)];
  const pieces = jsonPieces(window, context);
  const rest = pieces.map((piece, index) => piece + (numbers[index] ?? '')).join('');
  return `{"sensor_id":${JSON.stringify(sensorId(window))}${rest}`;
}

/** The constant text before each number of a row, from the sensor id on, and after the last. */
function jsonPieces(window: ClosedWindow, context: FeatureRowContext): string[] {
  const { features, partition, topic } = context;
  const names = features.map(
    ({ name }, index) => `${index === 0 ? '' : ','}${JSON.stringify(name)}:`,
  );
  const lineage = `},"lineage":{"topic":${JSON.stringify(topic)},"partition":${partition}`;
  const offsets = [`${lineage},"first_offset":`, ',"last_offset":', '}}'];
  const [first = '', ...others] = [...names, ...offsets];
  return [jsonTimes(window) + first, ...others];
}

const rowHead = Buffer.from('{"sensor_id":"');
const quote = 0x22;
const backslash = 0x5c;
const space = 0x20;

/** The features, partition and window whose constant pieces the thread's writer holds. */
let written: { features: Features; topic: string; partition: number; times: string } | undefined;

/**
 * The same row without strings; undefined for an id that needs escapes, and for what the writer
 * leaves.
 */
function writtenRow(window: ClosedWindow, context: FeatureRowContext): Uint8Array | undefined {
  const { features } = context;
  const writer = rowWriter();
  if (!holdsPieces(writer, window, context)) return undefined;
  const { head, numbers } = writer;
  const { idBytes, idStart, idEnd } = window;
  head.set(rowHead);
  let at = rowHead.length;
  for (let from = idStart; from < idEnd; from += 1) {
    const byte = idBytes[from] ?? 0;
    if (byte < space || byte === quote || byte === backslash) return undefined;
    head[at++] = byte;
  }
  head[at++] = quote;
  let count = 0;
  for (const feature of features) numbers[count++] = feature.value(window);
  numbers[count++] = window.firstOffset;
  numbers[count++] = window.lastOffset;
  return writer.write(at, count);
}

function holdsPieces(writer: RowWriter, window: ClosedWindow, context: FeatureRowContext): boolean {
  const { features, topic, partition } = context;
  const times = jsonTimes(window);
  const isSame =
    written !== undefined &&
    written.times === times &&
    written.features === features &&
    written.topic === topic &&
    written.partition === partition;
  if (isSame) return true;
  const pieces = jsonPieces(window, context).map((piece) => Buffer.from(piece));
  const holds = writer.setPieces(pieces);
  written = holds ? { features, topic, partition, times } : undefined;
  return holds;
}

type Features = FeatureRowContext['features'];

let timesOf = { startMs: NaN, endMs: NaN, text: '' };

/** The text after the sensor id; created once per window, which all sensors close together. */
function jsonTimes({ windowStartMs: startMs, windowEndMs: endMs }: ClosedWindow): string {
  if (timesOf.startMs !== startMs || timesOf.endMs !== endMs) {
    const text =
      `,"window_start":${startMs},"window_end":${endMs},` +
      `"event_time":"${isoTime(endMs)}","features":{`;
    timesOf = { startMs, endMs, text };
  }
  return timesOf.text;
}

/**
 * Returns the row of `window` in Avro (avro/sensor_features.avsc), without any header.
 * @throws InvariantError where a feature is not finite, as for JSON.
 */
export function encodeFeatureRowAvro(window: ClosedWindow, context: FeatureRowContext): Uint8Array {
  return rowType.toBuffer(featureRowOf(window, context));
}

/**
 * Returns the row of `window`. Copies what it needs of the window.
 * @throws InvariantError where a feature is not finite: no store could hold it.
 */
export function featureRowOf(window: ClosedWindow, context: FeatureRowContext): FeatureRow {
  const features: Record<string, number> = {};
  for (const feature of knownOf(window, context).features) {
    features[feature.name] = finiteValue(feature, window);
  }
  return {
    sensor_id: sensorId(window),
    window_start: window.windowStartMs,
    window_end: window.windowEndMs,
    event_time: isoTime(window.windowEndMs),
    features,
    lineage: {
      topic: context.topic,
      partition: context.partition,
      first_offset: window.firstOffset,
      last_offset: window.lastOffset,
    },
  };
}

function finiteValue(feature: Features[number], window: ClosedWindow): number {
  const value = feature.value(window);
  if (Number.isFinite(value)) return value;
  throw new InvariantError(`feature ${feature.name} must be finite, is ${value}`, {
    sensor: sensorId(window),
    windowStartMs: window.windowStartMs,
  });
}

function sensorId({ idBytes, idStart, idEnd }: ClosedWindow): string {
  return Buffer.from(idBytes.buffer, idBytes.byteOffset + idStart, idEnd - idStart).toString();
}

/** String() has the shortest digits that read back alike, but writes −0 as 0. */
function jsonNumber(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

const scanner = createFeatureRowScanner();

/**
 * Returns the feature row in bytes [start, end): JSON, Avro, or Avro behind a Confluent header,
 * recognised per record.
 * @throws DecodeError where they hold none.
 */
export function decodeFeatureRow(
  bytes: Uint8Array,
  start: number = 0,
  end: number = bytes.length,
): FeatureRow {
  const buffer = bufferOf(bytes);
  const scanned = scanner.scan(buffer, start, end);
  if (scanned !== undefined) return scanned;
  const record = buffer.subarray(start, end);
  const row = record[0] === braceOpen ? parseJsonRow(record) : parseAvroRow(record);
  const problem = rowProblem(row);
  if (problem !== undefined) throw new DecodeError(`not a feature row: ${problem}`);
  return row as FeatureRow;
}

const braceOpen = 0x7b;

function parseJsonRow(record: Buffer): unknown {
  if (!isUtf8(record)) throw new DecodeError('not a feature row: not UTF-8');
  try {
    return JSON.parse(record.toString());
  } catch (error) {
    throw new DecodeError('not a feature row: not JSON', { bytes: record.length }, error);
  }
}

function parseAvroRow(record: Buffer): unknown {
  const headed = readConfluentSchemaId(record, 0, record.length) >= 0;
  try {
    return rowType.fromBuffer(headed ? record.subarray(confluentHeaderBytes) : record);
  } catch (error) {
    throw new DecodeError('not a feature row: neither JSON nor Avro', {}, error);
  }
}

/** Returns the problem of a parsed row, or undefined. Accepts unknown fields, as rows may grow. */
function rowProblem(row: unknown): string | undefined {
  if (!isObject(row)) return 'expected an object';
  const { sensor_id, window_start, window_end, event_time, features, lineage } = row;
  if (typeof sensor_id !== 'string' || sensor_id === '') return 'sensor_id must be a string';
  if (!Number.isSafeInteger(window_start)) return 'window_start must be a safe integer';
  if (!Number.isSafeInteger(window_end)) return 'window_end must be a safe integer';
  if (Number(window_end) <= Number(window_start)) return 'window_end must be after window_start';
  if (typeof event_time !== 'string') return 'event_time must be a string';
  if (!isObject(features)) return 'features must be an object';
  for (const [name, value] of Object.entries(features)) {
    if (!Number.isFinite(value)) return `feature ${name} must be a finite number`;
  }
  if (!isObject(lineage)) return 'lineage must be an object';
  if (typeof lineage['topic'] !== 'string') return 'lineage.topic must be a string';
  for (const name of ['partition', 'first_offset', 'last_offset']) {
    const value = lineage[name];
    if (!Number.isSafeInteger(value) || Number(value) < 0) {
      return `lineage.${name} must be a whole number of at least 0`;
    }
  }
  return undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
