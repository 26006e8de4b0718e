import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { backtest, type BacktestReport } from '../../src/backtest/backtest.ts';
import { sensitivities } from '../../src/backtest/sensitivities.ts';
import { parseConfig } from '../../src/config/config.ts';

const path = fileURLToPath(
  new URL('../../data/machine_temperature_system_failure.csv', import.meta.url),
);

const run = (env: Readonly<Record<string, string>>): Promise<BacktestReport> =>
  backtest({
    inputs: [{ path, sensorId: undefined }],
    ...{ file: {}, scoresPath: undefined, against: undefined, tracesMax: 0 },
    labels: { windows: [], unlabelled: [] },
    semantics: parseConfig(env).semantics,
  });

describe('the curve over the sensitivities', () => {
  it.each([
    { BASELINE: 'adaptive', ALARM_REST: 'calm' },
    { BASELINE: 'adaptive', ALARM_REST: 'fixed' },
    { BASELINE: 'robust', ALARM_REST: 'calm' },
  ])('is at 1 what the program raises: %j', async (env) => {
    const { alarms, alarmsAt, verdict } = await run(env);

    expect(alarms).toBeGreaterThan(5);
    expect(alarmsAt.find(({ sensitivity }) => sensitivity === 1)?.alarms).toBe(alarms);
    expect(verdict).toMatchObject({ alarms, falseAlarms: alarms });
  });

  it('rises with the sensitivity on a real series', async () => {
    const { alarmsAt } = await run({});

    const counts = alarmsAt.map(({ alarms }) => alarms);
    expect(alarmsAt.map(({ sensitivity }) => sensitivity)).toEqual(sensitivities);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  });

  it('is flat at 0 for a method without alarms', async () => {
    const { alarmsAt } = await run({ BASELINE: 'cumulative' });

    expect(alarmsAt.every(({ alarms }) => alarms === 0)).toBe(true);
  });
});
