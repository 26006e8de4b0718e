// Sparkplug B payloads for tests, written with the field numbers of Eclipse Tahu's
// sparkplug_b.proto. test/codecs/sparkplug-payload.test.ts compares it with bytes of Tahu's own
// library.
import protobuf from 'protobufjs';

const types = {
  ...{ Int8: 1, Int16: 2, Int32: 3, Int64: 4, UInt8: 5, UInt16: 6, UInt32: 7, UInt64: 8 },
  ...{ Float: 9, Double: 10, Boolean: 11, String: 12, DateTime: 13, Bytes: 17 },
};

export interface TestMetric {
  readonly name?: string;
  readonly alias?: number;
  readonly timestamp?: number;
  readonly type: keyof typeof types;
  /** null for null. */
  readonly value: number | boolean | string | Uint8Array | null;
  /** Left out, as many edge nodes leave it out of data. */
  readonly isUntyped?: true;
}

export interface TestPayload {
  readonly timestamp?: number;
  readonly seq?: number;
  readonly metrics: readonly TestMetric[];
}

const payloadType = protobuf
  .parse(
    `
  syntax = "proto2";
  message Payload {
    optional uint64 timestamp = 1;
    repeated Metric metrics = 2;
    optional uint64 seq = 3;
  }
  message Metric {
    optional string name = 1;
    optional uint64 alias = 2;
    optional uint64 timestamp = 3;
    optional uint32 datatype = 4;
    optional bool is_null = 7;
    optional uint32 int_value = 10;
    optional uint64 long_value = 11;
    optional float float_value = 12;
    optional double double_value = 13;
    optional bool boolean_value = 14;
    optional string string_value = 15;
    optional bytes bytes_value = 16;
  }`,
  )
  .root.lookupType('Payload');

/** Returns the bytes of a payload. */
export function sparkplugBytes({ metrics, ...payload }: TestPayload): Uint8Array {
  const written = metrics.map(({ isUntyped, type, value, ...metric }) => ({
    ...metric,
    ...(isUntyped === true ? {} : { datatype: types[type] }),
    ...(value === null ? { isNull: true } : valueField(types[type], value)),
  }));
  return payloadType.encode(payloadType.fromObject({ ...payload, metrics: written })).finish();
}

function valueField(type: number, value: NonNullable<TestMetric['value']>): object {
  if (typeof value === 'boolean') return { booleanValue: value };
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'object') return { bytesValue: value };
  if (type === types.Float) return { floatValue: value };
  if (type === types.Double) return { doubleValue: value };
  const isLong = [types.Int64, types.UInt32, types.UInt64, types.DateTime].includes(type);
  if (!isLong) return { intValue: value >>> 0 };
  const bits = BigInt.asUintN(64, BigInt(value));
  return { longValue: String(bits) };
}
