// Sparkplug B payloads: Protobuf of a fixed schema, of which only what a reading needs is read. An
// integer is written as its bits: only its data type says whether -1 or 4294967295 is meant.
// Next on the line: ../ingest/sparkplug-door.ts, which knows the data types from births.
//
//   Payload { timestamp, metrics, seq, uuid }    Metric { name, alias, timestamp, datatype, value }
import protobuf from 'protobufjs';
import { DecodeError } from '../errors.ts';
import { isoTime } from './iso-time.ts';

export interface SparkplugPayload {
  /** Of the whole payload, ms; undefined where it has none. */
  readonly timestampMs: number | undefined;
  readonly seq: number | undefined;
  readonly metrics: readonly SparkplugMetric[];
}

export interface SparkplugMetric {
  /** Left out of data whose birth gave an alias. */
  readonly name: string | undefined;
  /** Digits: an alias may have 64 bits. */
  readonly alias: string | undefined;
  readonly timestampMs: number | undefined;
  /** 0 where it is left out: the birth says it. */
  readonly datatype: number;
  /** A store-and-forward value from before the last ones. */
  readonly isHistorical: boolean;
  /** undefined for null. */
  readonly found: FoundValue | undefined;
}

/** A value as the bytes have it; `whole` needs a data type to be a number. */
export type FoundValue =
  | { readonly kind: 'whole'; readonly bits: bigint }
  | { readonly kind: 'plain'; readonly value: number | boolean | string }
  /** A data set, a template, bytes. */
  | { readonly kind: 'other' };

// Fields that are not named here are passed over. Source: sparkplug_b.proto of Eclipse Tahu.
const { root } = protobuf.parse(`
  syntax = "proto2";
  message Payload {
    optional uint64 timestamp = 1;
    repeated Metric metrics = 2;
    optional uint64 seq = 3;
    optional string uuid = 4;
  }
  message Metric {
    optional string name = 1;
    optional uint64 alias = 2;
    optional uint64 timestamp = 3;
    optional uint32 datatype = 4;
    optional bool is_historical = 5;
    optional bool is_null = 7;
    oneof value {
      uint32 int_value = 10;
      uint64 long_value = 11;
      float float_value = 12;
      double double_value = 13;
      bool boolean_value = 14;
      string string_value = 15;
      bytes bytes_value = 16;
      bytes dataset_value = 17;
      bytes template_value = 18;
      bytes extension_value = 19;
    }
  }`);
const payloadType = root.lookupType('Payload');

/** The fields that a message sets; 64 bits are digits. */
interface WrittenMetric {
  readonly name?: string;
  readonly alias?: string;
  readonly timestamp?: string;
  readonly datatype?: number;
  readonly isHistorical?: boolean;
  readonly isNull?: boolean;
  readonly intValue?: number;
  readonly longValue?: string;
  readonly floatValue?: number;
  readonly doubleValue?: number;
  readonly booleanValue?: boolean;
  readonly stringValue?: string;
  /** The name of the one that is set. */
  readonly value?: string;
}

interface WrittenPayload {
  readonly timestamp?: string;
  readonly seq?: string;
  readonly uuid?: string;
  readonly metrics: readonly WrittenMetric[];
}

/** Returns the payload that `bytes` hold. @throws DecodeError where they hold none. */
export function decodeSparkplug(bytes: Uint8Array): SparkplugPayload {
  const { metrics, seq, timestamp, uuid } = written(bytes);
  if (uuid === compressed) throw new DecodeError('compressed Sparkplug payloads are not read');
  return {
    timestampMs: numberIn(timestamp),
    seq: numberIn(seq),
    metrics: metrics.map((metric) => ({
      name: metric.name === '' ? undefined : metric.name,
      alias: metric.alias,
      timestampMs: numberIn(metric.timestamp),
      datatype: metric.datatype ?? 0,
      isHistorical: metric.isHistorical ?? false,
      found: metric.isNull === true ? undefined : foundIn(metric),
    })),
  };
}

const compressed = 'SPBV1.0_COMPRESSED';

function written(bytes: Uint8Array): WrittenPayload {
  try {
    const message = payloadType.decode(bytes);
    return payloadType.toObject(message, {
      longs: String,
      arrays: true,
      oneofs: true,
    }) as WrittenPayload;
  } catch (error) {
    throw new DecodeError(`not a Sparkplug payload: ${String(error)}`, {}, error);
  }
}

function numberIn(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits);
}

function foundIn(metric: WrittenMetric): FoundValue | undefined {
  const { booleanValue, doubleValue, floatValue, intValue, longValue, stringValue } = metric;
  const whole = intValue ?? longValue;
  if (whole !== undefined) return { kind: 'whole', bits: BigInt(whole) };
  const value = floatValue ?? doubleValue ?? booleanValue ?? stringValue;
  if (value !== undefined) return { kind: 'plain', value };
  return metric.value === undefined ? undefined : { kind: 'other' };
}

const signedBits: ReadonlyMap<number, number> = new Map([
  [1, 8],
  [2, 16],
  [3, 32],
  [4, 64],
]);
const [unknownType, dateTimeType] = [0, 13];

/**
 * Returns the value of a metric of `datatype`; undefined where only its birth says what the bits
 * are. A date is a text, since it is no measurement.
 */
export function sparkplugValue(
  found: Exclude<FoundValue, { readonly kind: 'other' }>,
  datatype: number,
): number | boolean | string | undefined {
  if (found.kind === 'plain') return found.value;
  if (datatype === unknownType) return undefined;
  const bits = signedBits.get(datatype);
  const number = Number(bits === undefined ? found.bits : BigInt.asIntN(bits, found.bits));
  return datatype === dateTimeType && Number.isSafeInteger(number) ? isoTime(number) : number;
}

/** Returns the command that asks an edge node for its births. */
export function rebirthCommand(nowMs: number): Uint8Array {
  const metric = {
    name: 'Node Control/Rebirth',
    timestamp: nowMs,
    datatype: 11,
    booleanValue: true,
  };
  return payloadType.encode({ timestamp: nowMs, metrics: [metric] }).finish();
}
