// Disorder within the allowed delay: it changes no window's count, least and greatest value.
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { createShardState } from '../../src/sensors/shard-state.ts';
import { defaultSemantics } from '../arbitraries/settings.ts';
import { stream } from '../arbitraries/streams.ts';
import { calmValue } from '../arbitraries/values.ts';
import type { ExpectedRow, OracleReading } from '../models/oracle.ts';
import { foldAll } from '../models/run-fold.ts';
import { holds, runs, titled } from '../seed.ts';

const settings = { ...defaultSemantics, windowMs: 10_000, maxAheadMs: 1e15 };
const ordered = stream({ ...settings, lagMaxMs: 0, value: calmValue(), lengthMax: 200 });

/**
 * Delays each reading by at most the allowed lateness: sorted by time + delay, it is never behind
 * by more.
 */
const disordered = ordered.chain((readings) =>
  fc
    .array(fc.nat(settings.watermarkDelayMs), {
      minLength: readings.length,
      maxLength: readings.length,
    })
    .map((delays) => {
      const arrivals = readings.map((reading, index) => ({
        reading,
        arrivesMs: reading.timestampMs + (delays[index] ?? 0),
      }));
      arrivals.sort((a, b) => a.arrivesMs - b.arrivesMs);
      const shuffled = arrivals.map(({ reading }, index): OracleReading => ({
        ...reading,
        offset: index,
      }));
      return { readings, shuffled };
    }),
);

function windowsOf(readings: readonly OracleReading[]): Map<string, ExpectedRow> {
  const state = createShardState(settings, { watermark: 'own' });
  const output = foldAll(state, readings);
  expect(output.refused).toEqual([]);
  state.advanceWatermark(Number.MAX_SAFE_INTEGER, output);
  return new Map(output.rows.map((row) => [`${row.sensor_id} ${row.window_start}`, row]));
}

it(
  titled(
    'within the delay nothing is late, and count, min and max equal those of the ordered stream',
  ),
  async () => {
    await holds(
      fc.property(disordered, ({ readings, shuffled }) => {
        const expected = windowsOf(readings);
        const actual = windowsOf(shuffled);

        expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
        for (const [key, row] of actual) {
          const { count, min_value, max_value, avg_value, std_dev } = row.features;
          const other = expected.get(key)?.features;
          const bound = 8 * count * Number.EPSILON * 150;
          expect({ count, min_value, max_value }).toEqual({
            count: other?.count,
            min_value: other?.min_value,
            max_value: other?.max_value,
          });
          expect(Math.abs(avg_value - (other?.avg_value ?? NaN))).toBeLessThanOrEqual(bound);
          expect(Math.abs(std_dev - (other?.std_dev ?? NaN))).toBeLessThanOrEqual(bound);
        }
      }),
      runs(200),
    );
  },
);
