// The opt-in features against their definitions, and the algebra of every declared accumulator.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Accumulator, ScoredReading } from '../../src/sensors/accumulator.ts';
import { baseAccumulators } from '../../src/sensors/base-accumulators.ts';
import { allFeatures } from '../../src/sensors/features.ts';
import { gaps, sums } from '../../src/sensors/opt-in-accumulators.ts';
import { optInFeatures } from '../../src/sensors/opt-in-features.ts';
import { paneLayout } from '../../src/sensors/pane-layout.ts';
import { PanePool } from '../../src/sensors/pane.ts';
import { createShardState, restoreShardState } from '../../src/sensors/shard-state.ts';
import { semantics } from '../arbitraries/settings.ts';
import { stream } from '../arbitraries/streams.ts';
import { moderateValue, sensorValue } from '../arbitraries/values.ts';
import { expectSameRows } from '../models/compare-rows.ts';
import { exactSum, gapInTime, optInValues } from '../models/features-oracle.ts';
import { expectedRows } from '../models/oracle.ts';
import { foldAll, foldOne, foldOutput } from '../models/run-fold.ts';
import { holds, runs, titled } from '../seed.ts';

const names = allFeatures.map(({ name }) => name);
const layout = paneLayout(allFeatures);
const extras: readonly Accumulator[] = layout.extras.map(({ accumulator }) => accumulator);
const epsilon = Number.EPSILON;

const scenario = semantics().chain((settings) =>
  fc.record({
    settings: fc.constant({ ...settings, features: names }),
    readings: stream({ ...settings, leading: true, lengthMax: 300 }),
    cut: fc.nat(300),
  }),
);

/** Readings of one window in log order, in event-time order or not, with ties. */
const scored = fc
  .array(
    fc.record({
      value: sensorValue().map((x) => x + 0),
      timestampMs: fc.integer({ min: -40, max: 40 }),
      anomaly: fc.nat(1),
      alarm: fc.nat(1),
      // 0 and −0 are the same score: which of the two is kept as the greatest is no law.
      score: fc.double({ min: -5, max: 50, noNaN: true }).map((score) => score + 0),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((some) => some.map((reading, offset): ScoredReading => ({ ...reading, offset })));

function accumulated(
  accumulator: Accumulator,
  ...parts: readonly (readonly ScoredReading[])[]
): number[] {
  const stride = accumulator.columns.length;
  const columns = new Float64Array(stride * (parts.length + 1)).fill(NaN);
  accumulator.open(columns, 0);
  parts.forEach((part, index) => {
    const at = stride * (index + 1);
    accumulator.open(columns, at);
    for (const reading of part) accumulator.update(columns, at, reading);
    accumulator.merge(columns, 0, at);
  });
  return [...columns.subarray(0, stride)];
}

it(titled('every feature of every row equals its definition, whatever the stream'), async () => {
  await holds(
    fc.property(scenario, ({ settings, readings }) => {
      const input = [{ partition: 0, readings }];
      const expected = expectedRows(input, { ...settings, optIn: true });

      const state = createShardState(settings, { watermark: 'own' });
      const output = foldAll(state, readings, [], foldOutput(0, allFeatures));
      expectSameRows(output.closed, expected.closed);

      const open = foldOutput(0, allFeatures);
      state.advanceWatermark(Number.MAX_SAFE_INTEGER, open);
      expectSameRows(open.closed, expected.unclosed);
    }),
    runs(300),
  );
});

it(titled('with all features a snapshot in the middle changes no later bit'), async () => {
  await holds(
    fc.property(scenario, ({ settings, readings, cut }) => {
      const options = { watermark: 'own' } as const;
      const whole = createShardState(settings, options);
      const wholeOutput = foldAll(whole, readings, [], foldOutput(0, allFeatures));

      let state = createShardState(settings, options);
      const output = foldOutput(0, allFeatures);
      readings.forEach((reading, index) => {
        if (index === cut) state = restoreShardState(state.snapshot(), settings, options);
        foldOne(state, reading, output);
      });

      expect(output.rows).toEqual(wholeOutput.rows);
      expect(Buffer.compare(state.snapshot(), whole.snapshot())).toBe(0);
    }),
    runs(150),
  );
});

it(titled('opt-in features change no bit of the default ones'), async () => {
  await holds(
    fc.property(scenario, ({ settings, readings }) => {
      const own = { watermark: 'own' } as const;
      const few = { ...settings, features: ['count'] };

      const withAll = foldAll(createShardState(settings, own), readings);
      const withFew = foldAll(createShardState(few, own), readings);

      expect(withAll.rows).toEqual(withFew.rows);
      expect(withAll.refused).toEqual(withFew.refused);
    }),
    runs(100),
  );
});

it(
  titled('the fused fold of the base columns equals the declared accumulators, bit for bit'),
  async () => {
    await holds(
      fc.property(scored, (readings) => {
        const pool = new PanePool(paneLayout([]));
        pool.reserve(1);
        const pane = pool.open(0, 60_000, readings[0]?.offset ?? 0);
        for (const { value, offset, anomaly, alarm, score } of readings) {
          pool.add(pane, value, offset, anomaly, alarm, score);
        }

        const declared = new Float64Array(pool.stride);
        for (const { accumulator, start } of pool.layout.base) {
          accumulator.open(declared, start);
          for (const reading of readings) accumulator.update(declared, start, reading);
        }

        const end = pool.stride - 1;
        expect(pool.columns.slice(pane * pool.stride, pane * pool.stride + end)).toEqual(
          declared.slice(0, end),
        );
      }),
      runs(300),
    );
  },
);

describe.each([...baseAccumulators, ...extras].map((one) => [one.name, one] as const))(
  'the accumulator %s',
  (_name, accumulator) => {
    it(titled('takes an empty one as the identity of its merge'), async () => {
      await holds(
        fc.property(scored, (readings) => {
          const whole = accumulated(accumulator, readings);

          expect(accumulated(accumulator, [], readings)).toEqual(whole);
          expect(accumulated(accumulator, readings, [])).toEqual(whole);
        }),
        runs(100),
      );
    });

    it(titled('is finite after a reading'), async () => {
      await holds(
        fc.property(scored, (readings) => {
          expect(accumulated(accumulator, readings).every(Number.isFinite)).toBe(true);
        }),
        runs(100),
      );
    });
  },
);

describe.each(
  [...baseAccumulators, ...extras]
    .filter(({ name }) => !['moments', 'sums', 'gaps'].includes(name))
    .map((one) => [one.name, one] as const),
)('the accumulator %s', (_name, accumulator) => {
  it(titled('merges any cut of a log to the whole, exactly'), async () => {
    await holds(
      fc.property(scored, fc.nat(60), fc.nat(60), (readings, a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        const parts = [readings.slice(0, from), readings.slice(from, to), readings.slice(to)];

        expect(accumulated(accumulator, ...parts)).toEqual(accumulated(accumulator, readings));
      }),
      runs(200),
    );
  });
});

describe('the sum', () => {
  const manyValues = fc.oneof(
    fc.array(sensorValue(), { minLength: 1, maxLength: 200, size: 'max' }),
    fc.array(moderateValue(), { minLength: 1, maxLength: 200, size: 'max' }),
    // Great values that cancel, so that only what rounding took is left.
    fc
      .array(sensorValue(), { minLength: 1, maxLength: 100, size: 'max' })
      .map((some) => [...some, 0.1, ...some.map((x) => -x)]),
  );
  const reading = (value: number, offset: number): ScoredReading => ({
    ...{ value: value + 0, offset, timestampMs: 0, anomaly: 0, alarm: 0, score: 0 },
  });
  const bound = (values: readonly number[]): number => {
    const magnitude = values.reduce((sum, x) => sum + Math.abs(x), 0);
    return epsilon * Math.abs(exactSum(values)) + (values.length * epsilon) ** 2 * magnitude;
  };
  const total = ([sum = NaN, lost = NaN]: readonly number[]): number => sum + lost;

  it(titled('is exact within ε·|sum| + n²·ε²·Σ|x|, also where everything cancels'), async () => {
    await holds(
      fc.property(manyValues, (values) => {
        const computed = total(accumulated(sums, values.map(reading)));

        expect(Math.abs(computed - exactSum(values))).toBeLessThanOrEqual(bound(values));
      }),
      runs(300),
    );
  });

  it(titled('of merged parts is exact within the same bound'), async () => {
    await holds(
      fc.property(fc.array(manyValues, { minLength: 1, maxLength: 5 }), (parts) => {
        const values = parts.flat();
        const merged = total(accumulated(sums, ...parts.map((part) => part.map(reading))));

        expect(Math.abs(merged - exactSum(values))).toBeLessThanOrEqual(bound(values));
      }),
      runs(150),
    );
  });
});

describe('the greatest gap', () => {
  const times = (readings: readonly ScoredReading[]): number[] =>
    readings.map(({ timestampMs }) => timestampMs);
  const inTime = (readings: readonly ScoredReading[]): ScoredReading[] =>
    [...readings].sort((a, b) => a.timestampMs - b.timestampMs);

  it(titled('is never less than the true one, and more by at most the greatest lag'), async () => {
    await holds(
      fc.property(scored, (readings) => {
        const [seen = NaN] = accumulated(gaps, readings);
        const trueGap = gapInTime(times(readings));
        let latestMs = -Infinity;
        let lagMaxMs = 0;
        for (const timeMs of times(readings)) {
          latestMs = Math.max(latestMs, timeMs);
          lagMaxMs = Math.max(lagMaxMs, latestMs - timeMs);
        }

        expect(seen).toBeGreaterThanOrEqual(trueGap);
        expect(seen).toBeLessThanOrEqual(trueGap + lagMaxMs);
      }),
      runs(300),
    );
  });

  it(titled('is the true one in event-time order, merged from any cut too'), async () => {
    await holds(
      fc.property(scored, fc.nat(60), (some, cut) => {
        const readings = inTime(some);
        const trueGap = gapInTime(times(readings));

        expect(accumulated(gaps, readings)[0]).toBe(trueGap);
        expect(accumulated(gaps, readings.slice(0, cut), readings.slice(cut))[0]).toBe(trueGap);
      }),
      runs(300),
    );
  });

  it(titled('of parts merged in any order is never less than the true one'), async () => {
    await holds(
      fc.property(scored, fc.nat(60), (readings, cut) => {
        const parts = [readings.slice(cut), readings.slice(0, cut)];

        expect(accumulated(gaps, ...parts)[0]).toBeGreaterThanOrEqual(gapInTime(times(readings)));
      }),
      runs(200),
    );
  });
});

it('every opt-in feature is in the oracle', () => {
  const reading = { offset: 0, timestampMs: 0, value: 1 };
  const baseline = { mean: 0, std_dev: 0, n: 0 };
  const verdict = { anomaly: false, alarm: false, score: 0, z: 0, baseline };
  const known = optInValues([reading], [verdict]);

  expect(Object.keys(known).sort()).toEqual(optInFeatures.map(({ name }) => name).sort());
});
