import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { holds, runs, titled } from '../../property-tests/seed.ts';
import { Judge, type Verdict } from '../../src/backtest/judge.ts';
import type { LabelWindow } from '../../src/backtest/label-window.ts';
import { configuredSensitivity, sensitivities } from '../../src/backtest/sensitivities.ts';

const every = 2 ** sensitivities.length - 1;
const window = (startMs: number, endMs: number): LabelWindow => ({
  startMs,
  endMs,
  labelMs: undefined,
});
const reading = (timestampMs: number, isAlarm: boolean, sensorId = 'a') => ({
  ...{ sensorId, timestampMs, sensor: sensorId === 'a' ? 0 : 1 },
  alarms: isAlarm ? every : 0,
});

function judged(windows: readonly LabelWindow[], alarmsMs: readonly number[]): Verdict {
  const judge = new Judge(windows);
  for (const timeMs of alarmsMs) judge.add(reading(timeMs, true));
  return judge.verdict();
}

describe('the judgement', () => {
  it('counts a window once, its earliest alarm as the delay, and others as false', () => {
    const judge = new Judge([window(100, 200), window(300, 400), window(900, 950)]);
    const alarmsMs = [99, 200, 150, 201, 350];

    for (const timeMs of [...alarmsMs, 120, 250])
      judge.add(reading(timeMs, alarmsMs.includes(timeMs)));

    const rates = {
      windowsHit: 2,
      alarms: 5,
      falseAlarms: 2,
      falseAlarmsPer1000: 2000 / 7,
      precision: 3 / 5,
      // The third window has no readings: nothing could be found there.
      recall: 1,
      delayMeanMs: 50,
      delayMaxMs: 50,
    };
    expect(judge.verdict()).toEqual({
      ...rates,
      windows: [
        { ...window(100, 200), readings: 3, alarms: 2, firstAlarmMs: 150 },
        { ...window(300, 400), readings: 1, alarms: 1, firstAlarmMs: 350 },
        { ...window(900, 950), readings: 0, alarms: 0, firstAlarmMs: undefined },
      ],
      readingsOutside: 3,
      curve: sensitivities.map((sensitivity) => ({ sensitivity, ...rates })),
    });
  });

  it('keeps the alarms of each sensitivity apart', () => {
    const judge = new Judge([window(0, 10)]);

    judge.add({ ...reading(5, false), alarms: 1 << configuredSensitivity });
    judge.add({ ...reading(50, false), alarms: 1 << (configuredSensitivity + 1) });

    const [configured, next] = judge.verdict().curve.slice(configuredSensitivity);
    expect([configured?.windowsHit, configured?.falseAlarms]).toEqual([1, 0]);
    expect([next?.windowsHit, next?.falseAlarms]).toEqual([0, 1]);
    expect(judge.verdict()).toMatchObject({ windowsHit: 1, falseAlarms: 0 });
  });

  it('lets an alarm in two windows hit both', () => {
    expect(judged([window(0, 10), window(5, 15)], [7])).toMatchObject({
      ...{ windowsHit: 2, falseAlarms: 0, delayMaxMs: 7 },
    });
  });

  it('holds a window only against its own sensor and its own file', () => {
    const judge = new Judge([
      { ...window(0, 10), sensorId: 'b' },
      { ...window(0, 10), path: 'second.csv' },
    ]);

    judge.beginFile('first.csv');
    judge.add(reading(5, true, 'a'));
    judge.beginFile('second.csv');
    judge.add(reading(5, true, 'a'));
    judge.add(reading(6, true, 'b'));

    const { falseAlarms, windows } = judge.verdict();
    expect(falseAlarms).toBe(1);
    expect(windows.map(({ firstAlarmMs, alarms }) => [firstAlarmMs, alarms])).toEqual([
      [6, 1],
      [5, 2],
    ]);
  });

  it('of no readings has no delay, no rate and no share', () => {
    expect(judged([window(0, 1)], [])).toMatchObject({
      ...{ windowsHit: 0, falseAlarmsPer1000: 0, delayMeanMs: undefined },
      ...{ precision: undefined, recall: undefined },
    });
  });

  it(titled('is that of a count by definition, in any order of the readings'), async () => {
    const time = fc.integer({ min: 0, max: 100 });
    const anyWindow = fc.tuple(time, time).map(([a, b]) => window(Math.min(a, b), Math.max(a, b)));
    await holds(
      fc.property(fc.array(anyWindow), fc.array(time), (unsorted, alarmsMs) => {
        const windows = unsorted.toSorted((a, b) => a.startMs - b.startMs);
        const within = (one: LabelWindow, timeMs: number): boolean =>
          timeMs >= one.startMs && timeMs <= one.endMs;

        const verdict = judged(windows, alarmsMs);

        const trueAlarms = alarmsMs.filter((ms) => windows.some((one) => within(one, ms))).length;
        expect(verdict.falseAlarms).toBe(alarmsMs.length - trueAlarms);
        expect(verdict.windowsHit).toBe(
          windows.filter((one) => alarmsMs.some((ms) => within(one, ms))).length,
        );
        expect(verdict.windows.map(({ alarms }) => alarms)).toEqual(
          windows.map((one) => alarmsMs.filter((ms) => within(one, ms)).length),
        );
        expect(judged(windows, alarmsMs.toReversed())).toEqual(verdict);
      }),
      runs(200),
    );
  });
});
