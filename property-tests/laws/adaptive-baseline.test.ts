// Promises of the adaptive baseline for any sensor: invariance, a nominal rate of anomalies,
// recovery, and silence on what is not news.
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { AdaptiveBaseline } from '../../src/sensors/baseline-adaptive.ts';
import { alarmFlag, anomalyFlag } from '../../src/sensors/baseline.ts';
import { normals } from '../arbitraries/normals.ts';
import { calmValue } from '../arbitraries/values.ts';
import { holds, runs, titled } from '../seed.ts';

interface Judged {
  readonly anomaly: boolean;
  readonly alarm: boolean;
  readonly score: number;
}

function judge(values: Iterable<number>, baselineHalfLife: number = 4_000): Judged[] {
  const baseline = new AdaptiveBaseline({
    anomalyThreshold: 2.5,
    baselineHalfLife,
    alarmRest: 'calm',
  });
  baseline.columns = new Float64Array(baseline.stride);
  return Array.from(values, (x) => {
    const flags = baseline.observe(0, x);
    const { score } = baseline;
    return { anomaly: (flags & anomalyFlag) !== 0, alarm: (flags & alarmFlag) !== 0, score };
  });
}

const generatorSeed = fc.integer({ min: 0, max: 0x7fffffff });

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
  titled('z and score are finite, whatever is read after whatever: 1e150 after subnormals'),
  async () => {
    const extreme = fc.constantFrom(0, 5e-324, 1e-310, 1, -1, 1e9, 1e150, -1e150);
    const scenario = fc.array(fc.tuple(extreme, fc.integer({ min: 1, max: 160 })), {
      maxLength: 6,
    });
    await holds(
      fc.property(scenario, (spans) => {
        const baseline = new AdaptiveBaseline({
          anomalyThreshold: 2.5,
          baselineHalfLife: 4_000,
          alarmRest: 'calm',
        });
        baseline.columns = new Float64Array(baseline.stride);

        for (const x of spans.flatMap(([value, times]) => new Array<number>(times).fill(value))) {
          expect(Number.isFinite(baseline.deviate(0, x))).toBe(true);
          baseline.observe(0, x);
          expect(Number.isFinite(baseline.score)).toBe(true);
        }
      }),
      {
        ...runs(200),
        examples: [
          [
            [
              [0, 150],
              [5e-324, 1],
              [1e150, 1],
            ],
          ],
        ],
      },
    );
  },
);

it(titled('noise that toggles by one count of the converter never alarms'), async () => {
  await holds(
    fc.property(generatorSeed, calmValue(), (start, level) => {
      const step = 2 ** -4;
      const toggling = Array.from(normals(start, 3_000), (z) => (z > 0 ? level + step : level));

      const judged = judge(toggling);

      expect(judged.filter(({ alarm }) => alarm)).toEqual([]);
    }),
    runs(50),
  );
});

it(
  titled('the first other count after a long constant alarms, once if it goes on toggling'),
  async () => {
    await holds(
      fc.property(
        calmValue(),
        fc.integer({ min: 150, max: 2_000 }),
        fc.constantFrom(-1, 1),
        (level, constant, sign) => {
          const other = level + sign * 2 ** -4;
          const toggling = Array.from({ length: 4_000 }, (_, n) => (n % 2 === 0 ? other : level));

          const judged = judge([...new Array<number>(constant).fill(level), ...toggling]);

          const alarms = judged.flatMap(({ alarm }, index) => (alarm ? [index] : []));
          expect(alarms).toEqual([constant]);
          expect(judged[constant]?.score).toBeCloseTo(11.2, 0);
        },
      ),
      runs(20),
    );
  },
);

it(titled('a toggle of one ulp after a long constant is no alarm'), async () => {
  await holds(
    fc.property(calmValue(), fc.integer({ min: 150, max: 2_000 }), (level, constant) => {
      const other = level + 2 ** -52 * Math.abs(level);

      const judged = judge([
        ...new Array<number>(constant).fill(level),
        ...Array.from({ length: 1_000 }, (_, n) => (n % 2 === 0 ? other : level)),
      ]);

      expect(judged.filter(({ alarm }) => alarm)).toEqual([]);
    }),
    runs(20),
  );
});

it(
  titled('scaling by a power of two and shifting change no verdict, and scores only by rounding'),
  async () => {
    const scenario = fc.record({
      start: generatorSeed,
      exponent: fc.integer({ min: -10, max: 10 }),
      shift: fc.integer({ min: -1_000, max: 1_000 }),
    });
    await holds(
      fc.property(scenario, ({ start, exponent, shift }) => {
        // On a grid, so that the shift itself rounds nothing.
        const plain = Array.from(normals(start, 600), (z) => Math.round(z * 65536) / 65536);
        const moved = plain.map((x) => (x + shift) * 2 ** exponent);

        const before = judge(plain);
        const after = judge(moved);

        after.forEach((verdict, index) => {
          const other = before[index];
          expect(verdict.anomaly).toBe(other?.anomaly);
          expect(verdict.alarm).toBe(other?.alarm);
          expect(Math.abs(verdict.score - (other?.score ?? NaN))).toBeLessThan(1e-6);
        });
      }),
      runs(50),
    );
  },
);

it(
  titled('on normal noise the rate of anomalies is the nominal tail, within sampling error'),
  async () => {
    // P(|z| > 2.5) of a standard normal.
    const tail = 0.012419;
    await holds(
      fc.property(generatorSeed, (start) => {
        const count = 200_000;
        const anomalies = judge(normals(start, count)).filter(({ anomaly }) => anomaly).length;

        // Five standard errors, plus 2 % of the rate: the mean and spread are themselves estimates.
        const allowance = 5 * Math.sqrt(count * tail) + 0.02 * count * tail;
        expect(Math.abs(anomalies - count * tail)).toBeLessThan(allowance);
      }),
      runs(5),
    );
  },
);

it(
  titled('the rate is nominal too while few readings are known: readings 4 to 23 of 4,000 sensors'),
  async () => {
    const tail = 0.012419;
    await holds(
      fc.property(generatorSeed, (start) => {
        const sensors = 4_000;
        let anomalies = 0;
        for (let sensor = 0; sensor < sensors; sensor += 1) {
          const judged = judge(normals(start + 7919 * sensor, 23)).slice(3);
          anomalies += judged.filter(({ anomaly }) => anomaly).length;
        }

        // Wallace's approximation of Student's t is within 4 % in this tail from two degrees of
        // freedom on.
        const expected = sensors * 20 * tail;
        expect(Math.abs(anomalies - expected)).toBeLessThan(
          5 * Math.sqrt(expected) + 0.04 * expected,
        );
      }),
      runs(5),
    );
  },
);

it(
  titled('a level shift of 10^k deviations is forgotten in 2·log2(10^k) + 4 half-lives'),
  async () => {
    const scenario = fc.record({ start: generatorSeed, exponent: fc.integer({ min: 1, max: 9 }) });
    await holds(
      fc.property(scenario, ({ start, exponent }) => {
        const halfLife = 200;
        const shift = 10 ** exponent;
        // Until then the shift's share of the weighted variance, shift² · 2^−(half-lives), is above
        // 1/16.
        const settle = Math.ceil(halfLife * (2 * Math.log2(shift) + 4));
        const noise = [...normals(start, 2_000 + settle + 4_000)];

        const judged = judge(
          noise.map((z, index) => (index < 2_000 ? z : z + shift)),
          halfLife,
        );

        const after = judged.slice(2_000 + settle).filter(({ anomaly }) => anomaly).length;
        expect(judged[2_000]?.anomaly).toBe(true);
        // Nominal is 50 of 4,000; five standard errors either way, some more for the short memory.
        expect(after).toBeLessThan(100);
        // Noise a millionth of the level counts as the converter's: from 10^5 the floor hides some.
        if (exponent < 5) expect(after).toBeGreaterThan(14);
      }),
      runs(30),
    );
  },
);
