import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseReading } from '../../src/codecs/json-strict.ts';
import { emptyReading } from '../../src/sensors/reading.ts';
import { anyJsonRecord } from '../arbitraries/json-records.ts';
import { holds, runs, titled } from '../seed.ts';

describe('the strict parser', () => {
  it(titled('agrees with JSON.parse on what a reading says'), async () => {
    await holds(
      fc.property(anyJsonRecord, (record) => {
        const out = emptyReading();
        const reason = parseReading(record, 0, record.length, out);

        expect(reason === null).toBe(isReading(record));
        if (reason !== null) return;
        const said = JSON.parse(record.toString()) as Record<string, unknown>;
        expect(Buffer.from(out.idBytes).toString()).toBe(said['sensor_id']);
        expect(out.timestampMs).toBe(Number(said['timestamp']) + 0);
        expect(out.value).toBe(said['value']);
      }),
      runs(2_000),
    );
  });
});

/** The contract in its plainest words. */
function isReading(record: Buffer): boolean {
  let said: unknown;
  try {
    const text = record.toString();
    if (!Buffer.from(text).equals(record)) return false;
    said = JSON.parse(text);
  } catch {
    return false;
  }
  if (typeof said !== 'object' || said === null || Array.isArray(said)) return false;
  const { sensor_id, timestamp: time, value: measured } = said as Record<string, unknown>;
  if (typeof sensor_id !== 'string' || /\p{Cs}/u.test(sensor_id)) return false;
  const length = Buffer.byteLength(sensor_id);
  return (
    length >= 1 &&
    length <= 256 &&
    Number.isSafeInteger(time) &&
    typeof measured === 'number' &&
    measured >= -1e150 &&
    measured <= 1e150
  );
}
