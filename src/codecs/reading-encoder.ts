// reading → bytes, for whoever produces readings; what it writes the reading decoder reads back
// exactly.
import { exactAvroType } from './avro-long.ts';
import { readingSchema } from './avro-schemas.ts';

/** A reading as its producer holds it; the names are those of the contract. */
export interface ProducedReading {
  readonly sensor_id: string;
  /** ms since epoch, a safe integer. */
  readonly timestamp: number;
  readonly value: number;
}

const readingType = exactAvroType(readingSchema);

/**
 * Returns the reading as JSON, in the contract's field order. A value that is not finite becomes
 * null, no reading.
 */
export function encodeReadingJson({ sensor_id, timestamp, value }: ProducedReading): Uint8Array {
  // JSON.stringify writes −0 as 0.
  const number = Object.is(value, -0) ? '-0' : JSON.stringify(value);
  return Buffer.from(
    `{"sensor_id":${JSON.stringify(sensor_id)},"timestamp":${timestamp},"value":${number}}`,
  );
}

/**
 * Returns the reading in Avro, without any header.
 * @throws Error where the reading does not fit the schema (avsc's own error: the producer's
 * mistake, not input).
 */
export function encodeReadingAvro(reading: ProducedReading): Uint8Array {
  return readingType.toBuffer(reading);
}
