// Promises of the robust baseline for any sensor: finite numbers, invariance, silence on what is
// no news, sight after a sentinel, and nominal rates.
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { RobustBaseline } from '../../src/sensors/baseline-robust.ts';
import { alarmFlag, anomalyFlag } from '../../src/sensors/baseline.ts';
import { normals } from '../arbitraries/normals.ts';
import { calmValue, sensorValue } from '../arbitraries/values.ts';
import { robustVerdicts } from '../models/robust-oracle.ts';
import { holds, runs, titled } from '../seed.ts';

interface Judged {
  readonly anomaly: boolean;
  readonly alarm: boolean;
  readonly score: number;
  readonly channel: string;
}

const settings = {
  anomalyThreshold: 2.5,
  anomalyWarmup: 2,
  baselineHalfLife: 4_000,
  alarmRest: 'calm',
} as const;
const startMs = Date.UTC(2024, 0, 1);
const intervalMs = 300_000;

function freshBaseline(): RobustBaseline {
  const baseline = new RobustBaseline(settings);
  baseline.columns = new Float64Array(baseline.stride);
  return baseline;
}

function judge(values: Iterable<number>): Judged[] {
  const baseline = freshBaseline();
  let index = 0;
  return Array.from(values, (x) => {
    const flags = baseline.observe(0, x, startMs + intervalMs * index++);
    const { channel, score } = baseline;
    const [anomaly, alarm] = [(flags & anomalyFlag) !== 0, (flags & alarmFlag) !== 0];
    return { anomaly, alarm, score, channel };
  });
}

const generatorSeed = fc.integer({ min: 0, max: 0x7fffffff });

it(
  titled('z and score are finite, whatever is read after whatever, at whatever time'),
  async () => {
    const extreme = fc.constantFrom(0, 5e-324, 1e-310, 1, -1, 1e9, 1e150, -1e150);
    const spans = fc.array(
      fc.record({
        values: fc.array(fc.oneof(extreme, sensorValue()), { minLength: 1, maxLength: 3 }),
        times: fc.integer({ min: 1, max: 100 }),
        startMs: fc.constantFrom(0, startMs, -startMs, 8.64e15, -8.64e15),
        stepMs: fc.constantFrom(0, 1_000, intervalMs, -intervalMs, 86_400_000),
      }),
      { maxLength: 6 },
    );
    await holds(
      fc.property(spans, (history) => {
        const baseline = freshBaseline();

        for (const span of history) {
          for (let index = 0; index < span.times * span.values.length; index += 1) {
            const x = (span.values[index % span.values.length] ?? 0) + 0;
            const z = baseline.deviate(0, x);
            baseline.observe(0, x, span.startMs + span.stepMs * index);
            const isFinite = Number.isFinite(z) && Number.isFinite(baseline.score);
            if (!isFinite) expect({ z, score: baseline.score, x }).toBe('finite');
          }
        }
        expect([...baseline.columns].every(Number.isFinite)).toBe(true);
      }),
      runs(300),
    );
  },
);

it(titled('verdicts are those of the definition, on calm and on wild sensors'), async () => {
  const scenario = fc.record({
    start: generatorSeed,
    coarse: fc.constantFrom(0, 0, 1, 0.25),
    wave: fc.constantFrom(0, 0, 3),
    wild: fc.array(fc.tuple(fc.nat(1_999), sensorValue()), { maxLength: 3 }),
    stuckAt: fc.nat(4_000),
    hours: fc.constantFrom(0.01, 0.5, 2),
  });
  await holds(
    fc.property(scenario, ({ start, coarse, wave, wild, stuckAt, hours }) => {
      const sentinels = new Map(wild);
      let held = 0;
      const readings = Array.from(normals(start, 2_000), (z, index) => {
        const x = 20 + z + wave * Math.sin((index * hours * Math.PI) / 12);
        if (index < stuckAt || index > stuckAt + 90) {
          held = coarse === 0 ? x : Math.round(x / coarse) * coarse;
        }
        const value = (sentinels.get(index) ?? held) + 0;
        return { value, timestampMs: startMs + Math.floor(index * hours * 3_600_000) };
      });
      const baseline = freshBaseline();

      const wanted = robustVerdicts(readings, settings);

      readings.forEach(({ value, timestampMs }, index) => {
        const flags = baseline.observe(0, value, timestampMs);
        const want = wanted[index];
        const got = {
          anomaly: (flags & anomalyFlag) !== 0,
          alarm: (flags & alarmFlag) !== 0,
          channel: baseline.channel,
        };
        const { anomaly, alarm, channel } = want ?? { channel: '' };
        const tolerance = 1e-6 * Math.max(1, Math.abs(want?.score ?? 0));
        const isNear = Math.abs(baseline.score - (want?.score ?? NaN)) <= tolerance;
        if (!isNear || got.anomaly !== anomaly || got.alarm !== alarm) {
          expect({ index, ...got, score: baseline.score }).toEqual({ ...want, channel });
        }
      });
    }),
    runs(60),
  );
});

it(titled('a constant never is an anomaly and never alarms'), async () => {
  await holds(
    fc.property(calmValue(), fc.integer({ min: 1, max: 3_000 }), (x, n) => {
      const judged = judge(new Array<number>(n).fill(x));

      expect(judged.some(({ anomaly, alarm }) => anomaly || alarm)).toBe(false);
    }),
    runs(50),
  );
});

it(
  titled('noise that toggles by one count raises at most one alarm in 1,000 readings'),
  async () => {
    await holds(
      fc.property(generatorSeed, calmValue(), (start, level) => {
        const toggling = Array.from(normals(start, 20_000), (z) =>
          z > 0 ? level + 2 ** -4 : level,
        );

        expect(judge(toggling).filter(({ alarm }) => alarm).length).toBeLessThanOrEqual(20);
      }),
      runs(10),
    );
  },
);

it(titled('a toggle of one ulp after a long constant is no alarm'), async () => {
  await holds(
    fc.property(calmValue(), fc.integer({ min: 150, max: 2_000 }), (level, constant) => {
      const other = level + 2 ** -52 * Math.abs(level);
      const toggling = Array.from({ length: 1_000 }, (_, n) => (n % 2 === 0 ? other : level));

      const judged = judge([...new Array<number>(constant).fill(level), ...toggling]);

      expect(judged.filter(({ alarm }) => alarm)).toEqual([]);
    }),
    runs(20),
  );
});

it(
  titled('the first other count after a long constant alarms, and toggling on once more at most'),
  async () => {
    const scenario = fc.tuple(calmValue(), fc.integer({ min: 150, max: 2_000 }), fc.boolean());
    await holds(
      fc.property(scenario, ([level, constant, up]) => {
        const other = level + (up ? 1 : -1) * 2 ** -4;
        const toggling = Array.from({ length: 4_000 }, (_, n) => (n % 2 === 0 ? other : level));

        const judged = judge([...new Array<number>(constant).fill(level), ...toggling]);

        const alarms = judged.flatMap(({ alarm }, index) => (alarm ? [index] : []));
        // One surprising reading may not do where there is no range yet; the step back from it
        // does.
        expect([constant, constant + 1]).toContain(alarms[0]);
        expect(alarms.length).toBeLessThanOrEqual(2);
      }),
      runs(20),
    );
  },
);

it(
  titled('scaling by a power of two and shifting change no verdict, and scores only by rounding'),
  async () => {
    const scenario = fc.record({
      start: generatorSeed,
      exponent: fc.integer({ min: -100, max: 100 }),
      shift: fc.integer({ min: -1_000, max: 1_000 }),
    });
    await holds(
      fc.property(scenario, ({ start, exponent, shift }) => {
        // On a grid, so that the shift itself rounds nothing.
        const plain = Array.from(normals(start, 1_000), (z) => Math.round(z * 65536) / 65536);

        const before = judge(plain);
        const after = judge(plain.map((x) => (x + shift) * 2 ** exponent));

        after.forEach((verdict, index) => {
          const other = before[index];
          expect(verdict.anomaly).toBe(other?.anomaly);
          expect(verdict.alarm).toBe(other?.alarm);
          expect(Math.abs(verdict.score - (other?.score ?? NaN))).toBeLessThan(1e-5);
        });
      }),
      runs(50),
    );
  },
);

it.each([
  ['a spike of 8 deviations', (age: number) => (age === 1_000 ? 8 : 0)],
  ['a step of 5 deviations', (age: number) => (age >= 1_000 ? 5 : 0)],
])(titled('one sentinel of any size does not blind: %s is told'), async (_, eventAt) => {
  const sentinel = fc.constantFrom(-9_999, 1e150, -1e150, 0, 65_535, 1e9);
  const scenario = fc.record({
    start: generatorSeed,
    sentinel,
    at: fc.constantFrom(300, 1_000),
  });
  await holds(
    fc.property(scenario, ({ start, sentinel: wild, at }) => {
      const sensors = 400;
      let told = 0;
      for (let sensor = 0; sensor < sensors; sensor += 1) {
        const noise = normals(start + 7919 * sensor, at + 1_020);
        const values = Array.from(noise, (z, index) =>
          index === at ? wild : 20 + z + eventAt(index - at),
        );
        if (
          judge(values)
            .slice(at + 1_000)
            .some(({ alarm }) => alarm)
        )
          told += 1;
      }

      expect(told).toBeGreaterThanOrEqual(0.95 * sensors);
    }),
    runs(3),
  );
});

it(titled('normal noise raises at most one alarm in 1,000 readings'), async () => {
  await holds(
    fc.property(generatorSeed, (start) => {
      const sensors = 25;
      const readings = 8_000;
      let alarms = 0;
      for (let sensor = 0; sensor < sensors; sensor += 1) {
        const judged = judge(normals(start + 7919 * sensor, readings));
        alarms += judged.filter(({ alarm }) => alarm).length;
      }

      // Some 0.95 in 1,000 over the first 8,000 readings; three standard errors.
      const most = (sensors * readings) / 1_000;
      expect(alarms).toBeLessThan(most + 3 * Math.sqrt(most));
    }),
    runs(5),
  );
});

it(
  titled('on normal noise the rate of anomalies is the nominal tail, within sampling error'),
  async () => {
    const tail = 0.012419;
    await holds(
      fc.property(generatorSeed, (start) => {
        const count = 200_000;
        const anomalies = judge(normals(start, count)).filter(({ anomaly }) => anomaly).length;

        // Five standard errors, plus 2 % of the rate: the mean and spread are themselves estimates.
        const allowance = 5 * Math.sqrt(count * tail) + 0.02 * count * tail;
        expect(Math.abs(anomalies - count * tail)).toBeLessThan(allowance);
      }),
      runs(3),
    );
  },
);

it(titled('a coarse sensor that begins is flagged no more than nominally'), async () => {
  const scenario = fc.record({
    start: generatorSeed,
    spread: fc.constantFrom(0.2, 0.3, 0.5, 0.7, 1),
    offset: fc.constantFrom(0, 0.5),
  });
  await holds(
    fc.property(scenario, ({ start, spread, offset }) => {
      const sensors = 1_000;
      let flagged = 0;
      for (let sensor = 0; sensor < sensors; sensor += 1) {
        const readings = Array.from(normals(start + 7919 * sensor, 10), (z) =>
          Math.round(20 + offset + spread * z),
        );
        flagged += judge(readings).filter(({ anomaly }) => anomaly).length;
      }

      // Readings 4 to 10, nominally 1.24 % of them.
      const expected = sensors * 7 * 0.012419;
      expect(flagged).toBeLessThan(expected + 4 * Math.sqrt(expected));
    }),
    runs(20),
  );
});
