// A clock that is wrong harms its own sensor only: with FAST_CLOCKS=hold event time never runs ahead
// of the log's own time.
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { createShardState, type Semantics } from '../../src/sensors/shard-state.ts';
import { semantics } from '../arbitraries/settings.ts';
import { stream } from '../arbitraries/streams.ts';
import type { OracleReading } from '../models/oracle.ts';
import { foldAll, foldOne, foldOutput } from '../models/run-fold.ts';
import { holds, runs, titled } from '../seed.ts';

interface Fleet {
  readonly settings: Semantics;
  /** In a log whose broker stamps the records, as they come. */
  readonly readings: readonly OracleReading[];
}

/** Sensors whose clocks err by anything, in a log whose records' timestamps rise. */
const fleet: fc.Arbitrary<Fleet> = semantics().chain((some) => {
  const settings: Semantics = { ...some, fastClocks: 'hold', sensorsMax: 1_000 };
  const { maxAheadMs, watermarkDelayMs, windowMs } = settings;
  const step = fc.record({
    advanceMs: fc.nat(windowMs),
    sensor: fc.nat(4),
    errorMs: fc.oneof(
      fc.integer({ min: -watermarkDelayMs, max: 0 }),
      fc.integer({ min: -2 * windowMs - watermarkDelayMs, max: 2 * maxAheadMs }),
    ),
    value: fc.integer({ min: 0, max: 9 }),
  });
  return fc.array(step, { maxLength: 150 }).map((steps) => {
    let recordTimestampMs = 1_700_000_000_000;
    const readings = steps.map(({ advanceMs, sensor, errorMs, value }, offset) => {
      recordTimestampMs += advanceMs;
      const timestampMs = recordTimestampMs + errorMs;
      return { offset, sensorId: `s${sensor}`, timestampMs, recordTimestampMs, value };
    });
    return { settings, readings };
  });
});

it(titled('what reaches the log within the delay is in time, whatever other clocks say'), () => {
  return holds(
    fc.property(fleet, ({ settings, readings }) => {
      const { refused } = foldAll(createShardState(settings, { watermark: 'own' }), readings);

      for (const { offset, code } of refused) {
        if (code !== 'late') continue;
        const { recordTimestampMs = 0, timestampMs = 0 } = readings[offset] ?? {};
        expect(recordTimestampMs - timestampMs).toBeGreaterThan(settings.watermarkDelayMs);
      }
    }),
    runs(400),
  );
});

it(titled('the watermark stays behind the newest record by the delay'), () => {
  return holds(
    fc.property(fleet, ({ settings, readings }) => {
      const state = createShardState(settings, { watermark: 'own' });
      const output = foldOutput();

      for (const reading of readings) {
        foldOne(state, reading, output);
        const newestMs = reading.recordTimestampMs;
        expect(state.watermarkMs).toBeLessThanOrEqual(newestMs - settings.watermarkDelayMs);
        expect(state.maxEventTimeMs).toBeLessThanOrEqual(newestMs);
      }
    }),
    runs(200),
  );
});

it(titled('where no reading leads its record, holding changes nothing'), () => {
  const scenario = semantics().chain((settings) =>
    fc.record({
      settings: fc.constant(settings),
      readings: stream({ ...settings, lengthMax: 150 }),
      behindMs: fc.nat(10_000),
      isStamped: fc.boolean(),
    }),
  );
  return holds(
    fc.property(scenario, ({ settings, readings, behindMs, isStamped }) => {
      const log = readings.map((reading) => ({
        ...reading,
        // A record without a timestamp holds nothing either.
        recordTimestampMs: isStamped ? reading.timestampMs + behindMs : 0,
      }));
      const [held, led] = (['hold', 'lead'] as const).map((fastClocks) => {
        const rules = { ...settings, fastClocks, maxAheadMs: 9e15 };
        const state = createShardState(rules, { watermark: 'own' });
        const { closed, refused, anomalies } = foldAll(state, log);
        return { closed, refused, anomalies, watermarkMs: state.watermarkMs };
      });

      expect(held).toEqual(led);
    }),
    runs(200),
  );
});

it(titled('a reading that holding makes late is late without it'), () => {
  return holds(
    fc.property(fleet, ({ settings, readings }) => {
      const [held = [], led = []] = (['hold', 'lead'] as const).map((fastClocks) => {
        const state = createShardState({ ...settings, fastClocks }, { watermark: 'own' });
        const { refused } = foldAll(state, readings);
        return refused.filter(({ code }) => code === 'late').map(({ offset }) => offset);
      });

      expect(led).toEqual(expect.arrayContaining(held));
    }),
    runs(200),
  );
});
