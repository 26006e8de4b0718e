// Avro's long for avsc, exact for every safe integer. avsc's own computes the zigzag in doubles:
// −(2^52 + 1) is written as another number and read back with its sign lost, and ±(2^53 − 1) is
// refused.
import avro from 'avsc';
import { DecodeError } from '../errors.ts';

const longType: unknown = avro.types.LongType.__with({
  // avsc has undone the zigzag by then: 8 bytes, two's complement, little-endian.
  fromBuffer: (bytes: Buffer): number => safeNumber(bytes.readBigInt64LE()),
  toBuffer: (value: number): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    return bytes;
  },
  fromJSON: (value: number): number => value,
  toJSON: (value: number): number => value,
  isValid: (value: unknown): boolean => Number.isSafeInteger(value),
  compare: (a: number, b: number): number => Math.sign(a - b),
});

/**
 * Returns avsc's type of `schema`, its longs read and written exactly.
 * @throws DecodeError, from the type's `fromBuffer`, for a long that is no safe integer.
 */
export function exactAvroType(schema: avro.Schema): avro.Type {
  return avro.Type.forSchema(schema, { registry: { long: longType as avro.Type } });
}

function safeNumber(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) {
    throw new DecodeError(`expected a long within ±(2^53 − 1), got ${value}`);
  }
  return number;
}
