// The fold against the naive oracle, on any stream, with either baseline and either kind of
// watermark.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createShardState, type Semantics } from '../../src/sensors/shard-state.ts';
import { semantics } from '../arbitraries/settings.ts';
import { stream } from '../arbitraries/streams.ts';
import { expectSameAlarms, expectSameAnomalies, expectSameRows } from '../models/compare-rows.ts';
import { expectedRows, type OracleMark, type OracleReading } from '../models/oracle.ts';
import { foldAll, foldOne, foldOutput } from '../models/run-fold.ts';
import { holds, runs, titled } from '../seed.ts';

interface Scenario {
  readonly settings: Semantics;
  readonly readings: readonly OracleReading[];
  readonly marks: readonly OracleMark[];
}

const scenario: fc.Arbitrary<Scenario> = semantics().chain((settings) =>
  stream({ ...settings, leading: true, lengthMax: 300 }).chain((readings) =>
    fc.record({
      settings: fc.constant(settings),
      readings: fc.constant(readings),
      marks: marksFor(settings, readings),
    }),
  ),
);

/** Marks at some readings' offsets, a little before or after the event time there. */
function marksFor(
  settings: Semantics,
  readings: readonly OracleReading[],
): fc.Arbitrary<readonly OracleMark[]> {
  if (readings.length === 0) return fc.constant([]);
  const reach = 2 * (settings.windowMs + settings.watermarkDelayMs);
  return fc
    .array(fc.tuple(fc.constantFrom(...readings), fc.integer({ min: -reach, max: reach })), {
      maxLength: 5,
    })
    .map((marks) =>
      marks
        .map(([reading, byMs]) => ({ offset: reading.offset, toMs: reading.timestampMs + byMs }))
        .sort((a, b) => a.offset - b.offset),
    );
}

describe.each(['own', 'external'] as const)('with watermark mode %s', (watermark) => {
  it(
    titled('rows, their order and every refusal equal the oracle, whatever the stream'),
    async () => {
      await holds(
        fc.property(scenario, ({ settings, readings, marks }) => {
          const expected = expectedRows([{ partition: 0, readings, marks }], {
            ...settings,
            watermark,
          });

          const state = createShardState(settings, { watermark });
          const output = foldAll(state, readings, marks);

          expect(output.refused).toEqual(expected.refused);
          expectSameRows(output.closed, expected.closed);
          expectSameAnomalies(output.anomalies, expected.anomalies);
          expect(output.events).toEqual(expected.events);
          expectSameAlarms(output.alarms, expected.alarms);
          expect(state.openWindowCount).toBe(expected.open.length + expected.largerOpen);
          expect(state.sensorIds(Infinity)).toEqual(expected.known);
          expect(output.forgotten).toBe(expected.forgotten);
          expect(state.watermarkMs).toBe(expected.watermarks.get(0));
        }),
        runs(400),
      );
    },
  );

  it(titled('what is still open at the end closes as the oracle says, in its order'), async () => {
    await holds(
      fc.property(scenario, ({ settings, readings, marks }) => {
        const state = createShardState(settings, { watermark });
        foldAll(state, readings, marks);
        const open = foldOutput();

        state.advanceWatermark(Number.MAX_SAFE_INTEGER, open);

        const expected = expectedRows([{ partition: 0, readings, marks }], {
          ...settings,
          watermark,
        });
        expectSameRows(open.closed, expected.unclosed);
        expect(state.openWindowCount).toBe(0);
        expect(state.earliestWindowEndMs).toBe(Infinity);
      }),
      runs(150),
    );
  });

  it(
    titled('every reading is in exactly one closed window, open window or dead letter'),
    async () => {
      await holds(
        fc.property(scenario, ({ settings, readings, marks }) => {
          const state = createShardState(settings, { watermark });
          const output = foldAll(state, readings, marks);
          const inClosed = output.rows.reduce((sum, row) => sum + row.features.count, 0);
          const inOpen = state
            .sensorIds(Infinity)
            .flatMap((id) => state.inspect(id)?.open_windows ?? [])
            .reduce((sum, window) => sum + window.count, 0);

          expect(inClosed + inOpen + output.refused.length).toBe(readings.length);
        }),
        runs(150),
      );
    },
  );
});

it(
  titled('anomaly_count ≤ count, min ≤ avg ≤ max and std_dev is a number ≥ 0, in every row'),
  async () => {
    await holds(
      fc.property(scenario, ({ settings, readings }) => {
        const state = createShardState(settings, { watermark: 'own' });
        const output = foldAll(state, readings);
        state.advanceWatermark(Number.MAX_SAFE_INTEGER, output);

        for (const { features, alarm_count } of output.closed) {
          expect(features.anomaly_count).toBeLessThanOrEqual(features.count);
          expect(alarm_count).toBeLessThanOrEqual(features.count);
          expect(features.anomaly_rate).toBe(features.anomaly_count / features.count);
          expect(features.min_value).toBeLessThanOrEqual(features.avg_value);
          expect(features.avg_value).toBeLessThanOrEqual(features.max_value);
          expect(features.std_dev).toBeGreaterThanOrEqual(0);
          if (features.min_value === features.max_value) {
            expect(features.avg_value).toBe(features.min_value);
            expect(features.std_dev).toBe(0);
          }
        }
      }),
      runs(150),
    );
  },
);

it(titled('each sensor’s rows come in window order, each window once'), async () => {
  await holds(
    fc.property(scenario, ({ settings, readings, marks }) => {
      const output = foldAll(createShardState(settings, { watermark: 'own' }), readings, marks);
      const lastEnd = new Map<string, number>();

      for (const row of output.closed) {
        const sensorOfLength = `${row.length_index} ${row.sensor_id}`;
        expect(row.window_end).toBeGreaterThan(lastEnd.get(sensorOfLength) ?? -Infinity);
        expect(row.window_start % settings.windowMs === 0).toBe(true);
        lastEnd.set(sensorOfLength, row.window_end);
      }
    }),
    runs(150),
  );
});

it(titled('the watermark never goes back, and no open window ends at or before it'), async () => {
  await holds(
    fc.property(scenario, ({ settings, readings }) => {
      const state = createShardState(settings, { watermark: 'own' });
      const output = foldOutput();
      let before = state.watermarkMs;

      for (const reading of readings) {
        foldOne(state, reading, output);
        expect(state.watermarkMs).toBeGreaterThanOrEqual(before);
        expect(state.earliestWindowEndMs).toBeGreaterThan(state.watermarkMs);
        before = state.watermarkMs;
      }
    }),
    runs(150),
  );
});
