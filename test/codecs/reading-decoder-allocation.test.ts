import { describe, expect, it } from 'vitest';
import { decodeReading } from '../../src/codecs/reading-decoder.ts';
import { encodeReadingAvro } from '../../src/codecs/reading-encoder.ts';
import { emptyReading } from '../../src/sensors/reading.ts';

const readingsPerRound = 20_000;
const roundsMax = 100;

/** The least heap growth per reading, in bytes, of any round; the first rounds run in the interpreter, which boxes. */
function leastGrowth(records: readonly Uint8Array[]): number {
  const out = emptyReading();
  let least = Infinity;
  for (let round = 0; round < roundsMax && least >= 1; round += 1) {
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < readingsPerRound; i += 1) {
      const record = records[i % records.length] as Uint8Array;
      if (decodeReading(record, 0, record.length, out) !== null) throw new Error('no reading');
    }
    const growth = process.memoryUsage().heapUsed - before;
    // A collection in between makes it negative and says nothing.
    if (growth >= 0) least = Math.min(least, growth / readingsPerRound);
  }
  return least;
}

describe('decoding allocates nothing per reading', () => {
  // 17-digit values, short ones, exponents and an id outside ASCII: each has a branch of its own.
  const texts = [
    '{"sensor_id":"sensor_001","timestamp":1700000040000,"value":20.123456789012345}',
    '{"sensor_id": "sensor_002", "timestamp": 1700000040001, "value": -7.25, "unit": "C"}',
    '{"sensor_id":"Zürich","timestamp":1.7e12,"value":1.2345678901234567e-30,"ok":true}',
  ];

  it('in JSON', () => {
    expect(leastGrowth(texts.map((text) => Uint8Array.from(Buffer.from(text))))).toBeLessThan(1);
  });

  it('in Avro', () => {
    const reading = {
      sensor_id: 'sensor_001',
      timestamp: 1700000040000,
      value: 20.123456789012345,
    };

    expect(leastGrowth([Uint8Array.from(encodeReadingAvro(reading))])).toBeLessThan(1);
  });
});
