import { describe, expect, it } from 'vitest';
import { decodeReading } from '../../src/codecs/reading-decoder.ts';
import { encodeReadingAvro, encodeReadingJson } from '../../src/codecs/reading-encoder.ts';
import { emptyReading } from '../../src/sensors/reading.ts';

const readings = [
  { sensor_id: 'sensor_001', timestamp: 1700000040000, value: 20.123456789012345 },
  { sensor_id: 'quote " \\ \n Zürich 🌡', timestamp: -1, value: -0 },
  { sensor_id: '\u0000', timestamp: Number.MIN_SAFE_INTEGER, value: 5e-324 },
  { sensor_id: 'i'.repeat(256), timestamp: -4503599627370497, value: -1e150 },
];

describe.each([
  ['JSON', encodeReadingJson],
  ['Avro', encodeReadingAvro],
])('a reading encoded in %s', (_, encode) => {
  it.each(readings)('is decoded as it was: $timestamp', (reading) => {
    const bytes = encode(reading);
    const out = emptyReading();

    expect(decodeReading(bytes, 0, bytes.length, out)).toBeNull();

    const id = Buffer.from(out.idBytes.slice(out.idStart, out.idEnd)).toString();
    expect({ sensor_id: id, timestamp: out.timestampMs, value: out.value }).toEqual(reading);
  });
});

describe('a reading in JSON', () => {
  it('has the fields of the contract in its order', () => {
    const bytes = encodeReadingJson({
      sensor_id: 'sensor_001',
      timestamp: 1700000040000,
      value: 20.5,
    });

    expect(Buffer.from(bytes).toString()).toBe(
      '{"sensor_id":"sensor_001","timestamp":1700000040000,"value":20.5}',
    );
  });

  it('with a value that is not finite is no reading', () => {
    const bytes = encodeReadingJson({ sensor_id: 's', timestamp: 1, value: NaN });

    expect(decodeReading(bytes, 0, bytes.length, emptyReading())?.code).toBe('value_type');
  });
});
