import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  adaptiveVerdicts,
  cumulativeVerdicts,
} from '../../property-tests/models/baseline-oracle.ts';
import { runs, titled } from '../../property-tests/seed.ts';
import { boundedScore } from '../../src/backtest/scorer.ts';
import { backtestText } from './scored-rows.ts';

const settings = {
  anomalyThreshold: 2.5,
  anomalyWarmup: 2,
  baselineHalfLife: 4000,
  alarmRest: 'calm',
} as const;

/** Sensors with values in file order; levels, spikes and constant runs make alarms likely. */
const history = fc.array(
  fc.record({
    sensorId: fc.constantFrom('a', 'b'),
    timestampMs: fc.integer({ min: -1e12, max: 2e12 }),
    value: fc.oneof(
      { weight: 8, arbitrary: fc.double({ min: 19, max: 21, noNaN: true }) },
      fc.double({ min: -1e150, max: 1e150, noNaN: true }),
      fc.constantFrom(0, -0, 20, 26, 1e-300),
    ),
  }),
  { minLength: 150, maxLength: 800, size: 'max' },
);
/** Cells and line ends of every kind. A line of spaces is a row, an empty line is not. */
const anyText = fc.array(
  fc.oneof(
    fc.constantFrom(',', '"', '""', '\n', '\r\n', ' ', '1', '2024-01-01', '-1e5', '\uFEFF', 'NaN'),
    fc.string({ unit: 'binary', maxLength: 6 }),
  ),
  { maxLength: 60 },
);

describe('every history', () => {
  it(titled('has one row of scores per input row, whatever it contains'), async () => {
    await fc.assert(
      fc.asyncProperty(anyText, async (pieces) => {
        const text = pieces.join('');
        const lines = text.split(/\r?\n/).filter((line) => line !== '' && line !== '\r');

        const { rows, report } = await backtestText(`timestamp,value,sensor_id\n${text}`);

        // A quoted cell may hold line ends, so that several lines are one row.
        if (text.includes('"')) expect(rows.length).toBeLessThanOrEqual(lines.length);
        else expect(rows.length).toBe(lines.length);
        expect(rows.length > 0).toBe(lines.length > 0);
        expect(report.rows).toBe(rows.length);
        for (const { reason, z, score } of rows) {
          expect([z !== '', score !== '']).toEqual([reason === '', reason === '']);
          if (reason !== '') continue;
          expect(Number.isFinite(Number(z))).toBe(true);
          expect(Number(score) >= 0 && Number(score) <= 1).toBe(true);
        }
      }),
      runs(300),
    );
  });

  it.each(['adaptive', 'cumulative'] as const)(
    titled('is scored like its readings one after the other, each sensor for itself: %s'),
    async (baseline) => {
      await fc.assert(
        fc.asyncProperty(history, async (readings) => {
          const lines = readings.map(
            ({ sensorId, timestampMs, value }) => `${timestampMs},${value},${sensorId}`,
          );

          const { rows } = await backtestText(`timestamp,value,sensor_id\n${lines.join('\n')}`, {
            env: { BASELINE: baseline },
          });

          expect(rows.map(({ value }) => Number(value) + 0)).toEqual(
            readings.map(({ value }) => value + 0),
          );
          for (const id of ['a', 'b']) {
            const values = readings.filter(({ sensorId }) => sensorId === id);
            const verdicts = (baseline === 'adaptive' ? adaptiveVerdicts : cumulativeVerdicts)(
              values.map(({ value }) => value + 0),
              settings,
            );
            const own = rows.filter(({ sensor_id }) => sensor_id === id);
            for (const [place, { anomaly, alarm, score }] of verdicts.entries()) {
              const row = own[place];
              expect([row?.anomaly, row?.alarm]).toEqual(
                [anomaly, alarm].map((is) => (is ? '1' : '0')),
              );
              expect(Math.abs(Number(row?.score) - boundedScore(score))).toBeLessThan(1e-6);
              if (anomaly) expect(Math.abs(Number(row?.z))).toBeGreaterThan(2.499999);
              else expect(Math.abs(Number(row?.z))).toBeLessThan(2.500001);
            }
          }
        }),
        runs(25),
      );
    },
  );
});

describe('the score', () => {
  it('is one half at the alarm threshold, 0 below 0, and 1 at infinity', () => {
    expect([3, -5, 0, 1e308, 9].map(boundedScore)).toEqual([0.5, 0, 0, 1, 0.75]);
  });
});
